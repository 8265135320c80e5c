"""How a run's events read on the terminal."""

from io import StringIO
from typing import Any

import pytest
from langgraph_sdk.schema import StreamPart
from rich.console import Console

from joinstream_sdk.event_lines import EventLines


def printed(*parts: tuple[str, Any], width: int = 60, terminal: bool = False) -> str:
    """What comes out for these (event, data)."""
    out = StringIO()
    lines = EventLines(
        Console(file=out, width=width, force_terminal=terminal, highlight=False, _environ={})
    )
    for event, data in parts:
        lines.print(StreamPart(event, data))
    lines.finish()
    return out.getvalue()


def token(text: str, message_id: str = "m1", **fields: Any) -> tuple[str, Any]:
    message = {"type": "AIMessageChunk", "id": message_id, "content": text, **fields}
    return "messages", [message, {"langgraph_node": "answer"}]


@pytest.mark.parametrize(
    ("event", "data", "line"),
    [
        ("metadata", {"run_id": "r", "attempt": 2}, "metadata  attempt 2"),
        ("values", {"text": "héllo"}, 'values    {"text": "héllo"}'),
        ("updates", {"step": {"count": 1}}, 'updates   step {"count": 1}'),
        ("updates", {"a": 1, "b": 2}, 'updates   {"a": 1, "b": 2}'),
        ("custom|plan:1f|read:2e", {"done": 1}, 'custom    plan/read {"done": 1}'),
        (
            "queue",
            {"position": 2, "waits_for": "thread"},
            "queue     waits for its thread, 2 before it",
        ),
        (
            "queue",
            {"position": None, "waits_for": "time", "due_at": "noon"},
            "queue     begins at noon",
        ),
        ("error", {"error": "ValueError", "message": "no"}, "error     ValueError: no"),
        ("end", {"run_id": "r", "status": "success"}, "end       success"),
    ],
)
def test_an_event_is_one_line(event: str, data: Any, line: str) -> None:
    assert printed((event, data)) == line + "\n"


def test_a_gap_says_what_happens_next() -> None:
    assert "the current state follows" in printed(("gap", {"from": "3-1", "to": None}), width=80)


def test_the_tokens_of_a_message_are_one_line() -> None:
    assert printed(token("You "), token("said: "), token("hi")) == "messages  answer You said: hi\n"


def test_another_message_or_event_ends_the_line() -> None:
    text = printed(token("one"), token("two", "m2"), ("updates", {"answer": {}}), token(" more"))
    assert text.splitlines() == [
        "messages  answer one",
        "messages  answer two",
        "updates   answer {}",
        "messages  answer  more",
    ]


def test_a_message_that_comes_again_and_longer_is_not_repeated() -> None:
    def growing(text: str) -> list[dict[str, Any]]:
        return [{"type": "ai", "id": "m1", "content": text}]

    text = printed(
        ("messages/metadata", {"m1": {}}),
        ("messages/partial", growing("You said")),
        ("messages/partial", growing("You said: hi")),
        ("messages/complete", growing("You said: hi")),
    )
    assert text == "messages  ai You said: hi\n"


def test_blocks_and_calls_of_tools_are_shown() -> None:
    blocks = token("", content=[{"type": "text", "text": "adding "}, {"type": "image"}])
    call = token("", tool_call_chunks=[{"name": "add", "args": "{}"}])
    assert printed(blocks, call) == "messages  answer adding [calls add]\n"


def test_errors_are_red_and_an_end_has_the_colour_of_its_status() -> None:
    red, green = "\x1b[1;31m", "\x1b[1;32m"
    assert red in printed(("error", {"error": "E", "message": "m"}), terminal=True)
    assert red in printed(("end", {"status": "error"}), terminal=True)
    assert green in printed(("end", {"status": "success"}), terminal=True)


def test_a_line_is_cut_to_the_terminal_and_whole_in_a_file() -> None:
    event = ("values", {"text": "x" * 100})
    (cut,) = printed(event, width=40, terminal=True).splitlines()
    assert cut.endswith("…")
    assert printed(event, width=40) == 'values    {"text": "' + "x" * 100 + '"}\n'


def test_brackets_in_what_a_graph_says_are_no_markup() -> None:
    assert "[bold]not bold[/bold]" in printed(token("[bold]not bold[/bold]"))
