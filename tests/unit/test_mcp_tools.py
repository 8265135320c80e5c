"""Tools of MCP: their names, what they are said to take, and how far they are said to be."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
import pytest

from graphs.chat import graph as chat
from joinstream.domain.assistants import Assistant
from joinstream.domain.events import EventId, Frame, FrameKind
from joinstream.domain.ids import AssistantId
from joinstream.mcp_api.telling import ProgressTeller
from joinstream.mcp_api.tool_schemas import tool_schema
from joinstream.mcp_api.tools import names_of
from joinstream.streams.codec import sse_bytes


def assistant(number: int, name: str) -> Assistant:
    id, now = AssistantId(UUID(int=number << 96)), datetime.now(UTC)
    return Assistant(id, "echo", name, None, {}, {}, {}, 1, now, now)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["Polly the Parrot!"], ["Polly_the_Parrot"]),
        (["a", "a", "a "], ["a", "a_00000002", "a_"]),
        (["ß", "?"], ["_00000001", "_00000002"]),
        (["x" * 200, "x" * 200], ["x" * 128, "x" * 119 + "_00000002"]),
    ],
)
def test_names_are_plain_and_each_is_there_once(names: list[str], expected: list[str]) -> None:
    made = [assistant(number, name) for number, name in enumerate(names, 1)]
    named = names_of(made)
    assert list(named) == expected
    assert list(named.values()) == made


def test_a_name_that_is_taken_in_its_long_form_too_is_the_whole_id() -> None:
    made = [assistant(1, "a_00000003"), assistant(2, "a"), assistant(3, "a")]
    assert list(names_of(made)) == ["a_00000003", "a", made[2].assistant_id.hex]


def test_messages_take_few_lines() -> None:
    given = chat.get_input_jsonschema()
    simple = tool_schema(given)
    assert len(orjson.dumps(given)) > 10_000
    assert len(orjson.dumps(simple)) < 1_000
    assert "$defs" not in simple
    assert simple["required"] == given["required"]


def test_definitions_stay_when_they_are_needed() -> None:
    definitions = {
        "Note": {"type": "object", "properties": {"by": {"$ref": "#/$defs/Author"}}},
        "Author": {"type": "object"},
        "Nobody": {"type": "object"},
    }
    given = {
        "type": "object",
        "properties": {"note": {"$ref": "#/$defs/Note"}},
        "$defs": definitions,
    }
    assert set(tool_schema(given)["$defs"]) == {"Note", "Author"}


def test_arguments_are_always_an_object() -> None:
    assert tool_schema(None) == {"type": "object"}
    assert tool_schema({"type": "string"}) == {
        "type": "object",
        "properties": {"input": {"type": "string"}},
        "required": ["input"],
    }


def frame(mode: str, data: Any, depth: int = 0) -> Frame:
    id = EventId(1, 0)
    body = sse_bytes(mode, orjson.dumps(data), id)
    return Frame(id, None, UUID(int=7), FrameKind.EVENT, mode, depth, body)


def progress(fraction: float | None, label: str | None = None, stage: str | None = None) -> Frame:
    data = {"fraction": fraction, "label": label, "stage": stage, "node": "n"}
    return frame("custom", {"type": "progress", **data})


def told(*frames: Frame) -> list[tuple[float, Any, str]]:
    events = ProgressTeller("t").tell(frames).decode().split("\n\n")[:-1]
    messages = [orjson.loads(event.removeprefix("event: message\ndata: ")) for event in events]
    assert {message["method"] for message in messages} <= {"notifications/progress"}
    params = [message["params"] for message in messages]
    assert {each["progressToken"] for each in params} <= {"t"}
    return [(each["progress"], each.get("total"), each["message"]) for each in params]


def test_nodes_are_steps() -> None:
    frames = [
        frame("updates", {"read": None}),
        frame("updates", {"inside": None}, depth=1),
        frame("updates", {"write": None, "check": None}),
        frame("updates", {"__interrupt__": []}),
        frame("custom", "something else"),
    ]
    assert told(*frames) == [(1, None, "read"), (2, None, "write"), (3, None, "check")]


def test_what_nodes_tell_counts_for_more() -> None:
    frames = [progress(0.25), progress(0.5, "half"), frame("updates", {"read": None}), progress(1)]
    assert told(*frames) == [(0.25, 1, "n"), (0.5, 1, "half"), (1, 1, "n")]


def test_each_stage_is_a_step() -> None:
    frames = [progress(0.5, None, "reading"), progress(0.5, None, "writing")]
    assert told(frame("updates", {"first": None}), *frames) == [
        (1, None, "first"),
        (1.5, None, "reading"),
        (2.5, None, "writing"),
    ]


def test_numbers_always_grow() -> None:
    told_at = [at for at, *_ in told(progress(0.5), progress(0.5), progress(0.2), progress(None))]
    assert told_at == sorted(set(told_at))
    assert told_at == pytest.approx([0.5] * 4)


def test_nothing_is_more_than_all_of_it() -> None:
    assert told(progress(0), progress(1), progress(1)) == [(0, 1, "n"), (1, 1, "n")]
