"""Streams in OpenAI's shape when not all can be told: events are lost, or a worker dies."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
import pytest

from joinstream.domain.events import EventId, Frame, FrameKind
from joinstream.domain.ids import AssistantId, RunId, ThreadId
from joinstream.domain.run_record import Run
from joinstream.http.answer import answer_of, input_id
from joinstream.openai_api.chat_stream import ChatStream
from joinstream.openai_api.chat_wire import Heading
from joinstream.openai_api.response_events import ResponseStream
from joinstream.openai_api.response_wire import answered
from joinstream.streams.codec import sse_bytes

RUN_ID = RunId(UUID(int=7))
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
RUN = Run(
    run_id=RUN_ID,
    thread_id=ThreadId(UUID(int=8)),
    temporary=False,
    assistant_id=AssistantId(UUID(int=9)),
    graph_id="chat",
    status="running",
    blocked=False,
    attempt=1,
    forgiven_attempts=0,
    epoch=1,
    cancel_action=None,
    cancel_reason=None,
    multitask_strategy="enqueue",
    priority=0,
    concurrency_key=None,
    user_id=None,
    timeout_seconds=None,
    kwargs={},
    metadata={},
    error=None,
    created_at=MOMENT,
    run_after=MOMENT,
    updated_at=MOMENT,
    started_at=None,
    ended_at=None,
    set_aside_at=None,
)


def frame(kind: FrameKind, mode: str, data: Any) -> Frame:
    id = EventId(1, 0)
    return Frame(id, None, RUN_ID, kind, mode, 0, sse_bytes(mode, orjson.dumps(data), id))


def begins(attempt: int = 1) -> Frame:
    return frame(FrameKind.METADATA, "metadata", {"run_id": str(RUN_ID), "attempt": attempt})


def word(text: str, message_id: str = "m", *, last: bool = False) -> Frame:
    chunk = {"type": "AIMessageChunk", "id": message_id, "content": text}
    return frame(
        FrameKind.EVENT, "messages", [{**chunk, "chunk_position": "last" if last else None}, {}]
    )


def answer(*texts: str) -> Any:
    given = {"type": "human", "id": input_id(RUN_ID, 0), "content": "hi"}
    said = [{"type": "ai", "id": f"m{at or ''}", "content": text} for at, text in enumerate(texts)]
    return answer_of(RUN, {"messages": [given, *said]})


def chat() -> ChatStream:
    return ChatStream(Heading("chatcmpl-7", 0, "chat"), include_usage=False)


def events(sent: bytes) -> list[Any]:
    lines = sent.decode().splitlines()
    told = [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]
    return [orjson.loads(line) for line in told if line != "[DONE]"]


def words(sent: bytes) -> list[str]:
    return [
        content
        for chunk in events(sent)
        if "choices" in chunk and (content := chunk["choices"][0]["delta"].get("content"))
    ]


def numbers(sent: bytes) -> list[int]:
    return [event["sequence_number"] for event in events(sent)]


def response_events(
    frames: Iterable[Frame], *texts: str, after: int | None = None, misses: bool = False
) -> bytes:
    stream = ResponseStream(RUN, after)
    sent = stream.begin() + stream.tell(frames)
    if misses:
        stream.miss()
    return sent + stream.finish(answered(RUN, answer(*texts)))


def test_what_was_lost_is_told_at_the_end() -> None:
    stream = chat()
    sent = stream.tell([begins(), word("one ")])
    stream.miss()
    sent += stream.tell([word("three")])
    sent += stream.finish(answer("one two three"))
    assert words(sent) == ["one ", "two three"]


def test_a_second_attempt_is_not_told_twice() -> None:
    stream = chat()
    sent = stream.tell([begins(), word("one "), begins(2), word("one ", "n"), word("two", "n")])
    assert words(sent + stream.finish(answer("one two"))) == ["one ", "two"]


def test_a_second_attempt_is_told_word_by_word_when_the_first_said_nothing() -> None:
    stream = chat()
    assert words(stream.tell([begins(), begins(2), word("one "), word("two")])) == ["one ", "two"]


def test_an_answer_that_does_not_continue_what_was_told_is_an_error() -> None:
    stream = chat()
    sent = stream.tell([begins(), word("one "), begins(2)]) + stream.finish(answer("uno due"))
    assert events(sent)[-1]["error"]["code"] == "stream_lost"
    assert b"[DONE]" not in sent


def piece(arguments: str, message_id: str, name: str | None = None) -> Frame:
    """Of a tool call; the first one has its name and its id."""
    chunk = {"index": 0, "id": name and f"call_{message_id}", "name": name, "args": arguments}
    said = {"type": "AIMessageChunk", "id": message_id, "content": "", "tool_call_chunks": [chunk]}
    return frame(FrameKind.EVENT, "messages", [said, {}])


def calling(**args: Any) -> Any:
    """The answer of a run that has called a tool for its client, at last as `call_n`."""
    call = {"name": "look", "args": args, "id": "call_n"}
    given = {"type": "human", "id": input_id(RUN_ID, 0), "content": "hi"}
    said = {"type": "ai", "id": "n", "content": "", "tool_calls": [call]}
    return answer_of(RUN, {"messages": [given, said]})


def told_calls(sent: bytes) -> list[tuple[int, str | None, str]]:
    deltas = [chunk["choices"][0]["delta"] for chunk in events(sent) if "choices" in chunk]
    calls = [call for delta in deltas for call in delta.get("tool_calls", ())]
    return [(call["index"], call.get("id"), call["function"]["arguments"]) for call in calls]


@pytest.mark.parametrize(
    ("pieces", "rest"),
    [
        (['{"at":', '"this"}'], []),
        (['{"at": ', '"this"}'], []),
        (['{"at":'], [(0, None, '"this"}')]),
        ([""], [(0, None, '{"at":"this"}')]),
    ],
    ids=repr,
)
def test_a_call_that_a_later_attempt_makes_again_is_told_once(
    pieces: list[str], rest: list[Any]
) -> None:
    first, *more = pieces
    stream = chat()
    sent = stream.tell([begins(), piece(first, "m", "look"), *(piece(each, "m") for each in more)])
    assert told_calls(sent) == [(0, "call_m", first), *((0, None, each) for each in more)]
    again = stream.tell([begins(2), piece('{"at":"this"}', "n", "look")])
    end = again + stream.finish(calling(at="this"))
    assert told_calls(end) == rest
    assert events(end)[-1]["choices"][0]["finish_reason"] == "tool_calls"


@pytest.mark.parametrize("told", ['{"at": "th', '{"at":"that"}'])
def test_a_call_that_a_later_attempt_makes_otherwise_is_an_error(told: str) -> None:
    stream = chat()
    stream.tell([begins(), piece(told, "m", "look"), begins(2)])
    assert events(stream.finish(calling(at="this")))[-1]["error"]["code"] == "stream_lost"


def test_a_call_that_was_lost_is_told_whole() -> None:
    stream = chat()
    stream.tell([begins()])
    stream.miss()
    assert told_calls(stream.finish(calling(at="this"))) == [(0, "call_n", '{"at":"this"}')]


def test_a_resumed_response_has_the_rest_of_the_same_events() -> None:
    frames = [begins(), word("one "), word("two", last=True)]
    whole = response_events(frames, "one two")
    assert numbers(whole) == list(range(10))
    assert events(response_events(frames, "one two", after=4)) == events(whole)[5:]


def test_a_response_whose_log_is_gone_comes_whole_with_numbers_that_go_on() -> None:
    sent = response_events([], "one two", after=40)
    assert numbers(sent) == list(range(41, 48))
    assert [event["delta"] for event in events(sent) if "delta" in event] == ["one two"]
    assert events(sent)[-1]["response"]["output"][0]["content"][0]["text"] == "one two"


def told_in(sent: bytes) -> tuple[list[str], list[tuple[str, str]]]:
    """The pieces of text, and each item that was ended: its status and its text."""
    deltas = [event["delta"] for event in events(sent) if "delta" in event]
    done = [event["item"] for event in events(sent) if event["type"] == "response.output_item.done"]
    return deltas, [(item["status"], item["content"][0]["text"]) for item in done]


def test_a_message_whose_rest_is_lost_goes_on_at_the_end() -> None:
    sent = response_events([begins(), word("one ")], "one two", misses=True)
    assert told_in(sent) == (["one ", "two"], [("completed", "one two")])


def test_what_a_later_attempt_says_alike_goes_on_where_the_first_was_lost() -> None:
    again = [begins(2), word("one ", "n"), word("two", "n", last=True)]
    frames = [begins(), word("one "), *again]
    sent = response_events(frames, "one two")
    assert told_in(sent) == (["one ", "two"], [("completed", "one two")])
    for after in range(4, 8):
        rest = response_events(frames, "one two", after=after)
        assert events(rest) == events(sent)[after + 1 :]


def test_what_was_told_whole_and_is_said_alike_by_a_later_attempt_is_not_told_again() -> None:
    first = [begins(), word("one", "x", last=True), word("two ", "y")]
    again = [begins(2), word("one", "m", last=True), word("two", "m1", last=True)]
    sent = response_events([*first, *again], "one", "two three")
    assert told_in(sent) == (
        ["one", "two ", "three"],
        [("completed", "one"), ("completed", "two three")],
    )


def test_what_a_later_attempt_says_otherwise_is_another_item() -> None:
    sent = response_events([begins(), word("one "), begins(2), word("uno")], "uno due")
    assert told_in(sent) == (
        ["one ", "uno due"],
        [("incomplete", "one "), ("completed", "uno due")],
    )


def test_an_attempt_before_which_nothing_was_told_is_told_word_by_word() -> None:
    sent = response_events([begins(), begins(2), word("one "), word("two", last=True)], "one two")
    assert told_in(sent) == (["one ", "two"], [("completed", "one two")])


def test_the_answer_is_found_among_other_runs_of_the_thread() -> None:
    other = input_id(RunId(UUID(int=70)), 0)
    messages = [
        {"type": "human", "id": other, "content": "before"},
        {"type": "ai", "id": "a", "content": "no"},
        {"type": "human", "id": input_id(RUN_ID, 0), "content": "hi"},
        {"type": "ai", "id": "b", "content": "yes"},
        {"type": "human", "id": input_id(RunId(UUID(int=71)), 0), "content": "after"},
        {"type": "ai", "id": "c", "content": "no"},
    ]
    assert answer_of(RUN, {"messages": messages}, is_own=False).text == "yes"


@pytest.mark.parametrize(
    "kept",
    [
        [],
        [{"type": "human", "id": "before", "content": "before"}],
        [{"type": "ai", "id": input_id(RunId(UUID(int=70)), 0), "content": "given before"}],
    ],
    ids=["nothing", "an older question", "another's input"],
)
def test_the_answer_is_found_where_the_graph_does_not_keep_its_input(kept: list[Any]) -> None:
    asked = replace(RUN, kwargs={"input": {"messages": [{"id": input_id(RUN_ID, 0)}]}})
    output = {"messages": [*kept, {"type": "ai", "id": "a", "content": "yes"}]}
    assert answer_of(asked, output).text == "yes"
    assert answer_of(asked, output, is_own=False).text == "", "it may be the answer of another run"


def test_a_question_that_the_graph_itself_puts_is_no_end_of_the_answer() -> None:
    given = {"type": "human", "id": input_id(RUN_ID, 0), "content": "hi"}
    said = [{"type": "ai", "id": each, "content": each} for each in ("one", "two")]
    messages = [given, said[0], {"type": "human", "id": "own", "content": "and?"}, said[1]]
    assert answer_of(RUN, {"messages": messages}).texts == ["one", "two"]


def test_a_call_without_an_id_gets_the_same_one_streamed_or_not() -> None:
    call: Any = {"name": "look", "args": {}, "id": None}
    said = {"type": "ai", "id": "n", "content": "", "tool_calls": [call]}
    whole = answer_of(RUN, {"messages": [said]})
    stream = chat()
    sent = stream.tell([begins(), frame(FrameKind.EVENT, "messages", [said, {}])])
    assert told_calls(sent + stream.finish(whole)) == [(0, whole.calls[0].call_id, "{}")]
    assert whole.calls[0].call_id


def test_messages_that_a_graph_keeps_as_openai_writes_them_are_understood() -> None:
    function = {"name": "look", "arguments": "{}"}
    call = {"id": "1", "type": "function", "function": function}
    given = {"role": "user", "id": input_id(RUN_ID, 0), "content": "hi"}
    said = {"role": "assistant", "content": "Let us see", "tool_calls": [call]}
    found = answer_of(RUN, {"messages": [given, said]})
    assert (found.text, found.finish_reason) == ("Let us see", "tool_calls")
    assert [(call.name, call.arguments) for call in found.open_calls] == [("look", "{}")]


def test_frames_of_other_protocols_are_passed_over() -> None:
    envelope = {"type": "event", "method": "messages", "params": {}}
    assert chat().tell([frame(FrameKind.PROTOCOL, "messages", envelope)]) == b""
