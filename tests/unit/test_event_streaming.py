"""The pure parts of the event-streaming protocol: numbers, filters, and a thread's log as told."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from joinstream.domain.events import MAX_EPOCH, EventId, Frame, FrameKind
from joinstream.encoding import dumps
from joinstream.event_streaming import envelopes
from joinstream.event_streaming.envelopes import Event, envelope_of
from joinstream.event_streaming.filters import ChannelFilter, is_channel
from joinstream.event_streaming.sequence import comes_after, seq_of
from joinstream.event_streaming.timeline import PROTOCOL_RUN, Timeline, Told
from joinstream.streams.codec import sse_bytes

FIRST, SECOND = UUID(int=1), UUID(int=2)
EPOCHS = st.integers(1, MAX_EPOCH - 100_000)


@given(EPOCHS, st.integers(0, 2**20), st.integers(0, 1000), st.integers(0, 2**20))
def test_later_events_have_later_numbers_also_across_the_seam(
    epoch: int, k: int, claims: int, later_k: int
) -> None:
    first, second = EventId(epoch, k), EventId(epoch + claims, later_k)
    assert 0 <= seq_of(first) < 2**53
    if first < second:
        assert comes_after(seq_of(second), seq_of(first))
        assert not comes_after(seq_of(first), seq_of(second))


def test_the_seam_itself() -> None:
    last = EventId(2**29 - 1, 5)
    assert seq_of(EventId(2**29, 0)) < seq_of(last)
    assert comes_after(seq_of(EventId(2**29, 0)), seq_of(last))


@pytest.mark.parametrize(
    ("asked", "namespace", "wanted"),
    [
        ({}, ("a:1",), True),
        ({"namespaces": ((),), "depth": 0}, (), True),
        ({"namespaces": ((),), "depth": 0}, ("a:1",), False),
        ({"namespaces": ((),), "depth": 1}, ("a:1",), True),
        ({"namespaces": ((),), "depth": 1}, ("a:1", "b:2"), False),
        ({"namespaces": (("a",),)}, ("a:1", "b:2"), True),
        ({"namespaces": (("a:1",),)}, ("a:1",), True),
        ({"namespaces": (("a:2",),)}, ("a:1",), False),
        ({"namespaces": (("a",),), "depth": 0}, ("a:1", "b:2"), False),
        ({"namespaces": (("b",), ("a", "b"))}, ("a:1", "b:2"), True),
        ({"namespaces": (("a",),)}, (), False),
    ],
)
def test_namespaces_are_prefixes(
    asked: dict[str, Any], namespace: tuple[str, ...], wanted: bool
) -> None:
    asked_for = ChannelFilter(frozenset({"values"}), **asked)
    assert asked_for.wants("values", 1, len(namespace), lambda: namespace) is wanted


def test_custom_has_the_named_ones_too_but_not_the_other_way_round() -> None:
    for channels, channel, wanted in (
        ({"custom"}, "custom:a", True),
        ({"custom:a"}, "custom:a", True),
        ({"custom:b"}, "custom:a", False),
        ({"custom:a"}, "custom", False),
    ):
        assert ChannelFilter(frozenset(channels)).wants(channel, 1, 0, tuple) is wanted
    assert is_channel("custom:a")
    assert not is_channel("custom:")
    assert not is_channel("colours")


class Log:
    """Frames of several runs, as workers write them."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []

    def classic(self, run: UUID, kind: FrameKind, name: str, data: Any) -> None:
        id = self._next(kind)
        self._add(id, run, kind, name.partition("|")[0], sse_bytes(name, dumps(data), id))

    def run(self, run: UUID, *middle: tuple[str, Any], status: str | None = "success") -> None:
        self.classic(run, FrameKind.METADATA, "metadata", {"run_id": run, "attempt": 1})
        for name, data in middle:
            self.classic(run, FrameKind.EVENT, name, data)
        if status is not None:
            self.classic(run, FrameKind.END, "end", {"run_id": run, "status": status})

    def protocol(self, run: UUID, event: Event) -> None:
        id = self._next(FrameKind.PROTOCOL)
        self._add(id, run, FrameKind.PROTOCOL, event.mode, event.written(id))

    def protocol_run(self, run: UUID, *events: Event) -> None:
        id = self._next(FrameKind.METADATA)
        body = sse_bytes("metadata", b"{}", id)
        self._add(id, run, FrameKind.METADATA, PROTOCOL_RUN, body)
        for event in (envelopes.lifecycle(run, id.epoch, "running", 0), *events):
            self.protocol(run, event)

    def _next(self, kind: FrameKind) -> EventId:
        last = self.frames[-1].id if self.frames else EventId(6, 0)
        return (
            EventId(last.epoch + 1, 0)
            if kind is FrameKind.METADATA
            else last._replace(k=last.k + 1)
        )

    def _add(self, id: EventId, run: UUID, kind: FrameKind, mode: str, body: bytes) -> None:
        prev = self.frames[-1].id if self.frames else None
        self.frames.append(Frame(id, prev, run, kind, mode, 0, body))

    def told(self, *, newest_is_active: bool = False) -> list[Told]:
        """What a reader is told that comes now."""
        timeline = Timeline(replays=True)
        told = list(timeline.read(self.frames, 0))
        return [*told, *timeline.let_go(stale=newest_is_active)]


def lives(told: Iterable[Told], asked: ChannelFilter) -> list[str]:
    """Which runs begin and end, for who asks so."""
    return [
        f"{UUID(envelope['event_id'].split(':')[1]).int} {envelope['params']['data']['event']}"
        for each in told
        if each.is_wanted(asked)
        for envelope in [envelope_of(each.body)]
        if envelope["method"] == "lifecycle"
    ]


ALL_LIVES = ChannelFilter(frozenset({"lifecycle", "input"}))


def test_how_a_run_ended_is_stale_once_another_began() -> None:
    log = Log()
    log.run(FIRST)
    assert lives(log.told(), ALL_LIVES) == ["1 running", "1 completed"]
    assert lives(log.told(newest_is_active=True), ALL_LIVES) == ["1 running"]
    log.run(SECOND, status="error")
    assert lives(log.told(), ALL_LIVES) == ["1 running", "2 running", "2 failed"]
    everything = ChannelFilter(ALL_LIVES.channels, since=1)
    assert lives(log.told(), everything) == ["1 running", "1 completed", "2 running", "2 failed"]


def test_a_question_is_stale_too() -> None:
    log = Log()
    asked = envelopes.question(FIRST, (), "q", "what?", 0)
    log.protocol_run(FIRST, asked, envelopes.lifecycle(FIRST, 7, "interrupted", 0))
    assert [envelope_of(t.body)["method"] for t in log.told() if t.is_wanted(ALL_LIVES)] == [
        "lifecycle",
        "input.requested",
        "lifecycle",
    ]
    log.protocol_run(SECOND, envelopes.lifecycle(SECOND, 8, "completed", 0))
    assert lives(log.told(), ALL_LIVES) == ["1 running", "2 running", "2 completed"]


def test_a_run_that_was_cancelled_ends_in_two_ways() -> None:
    log = Log()
    log.run(FIRST, status="interrupted")
    assert lives(log.told(), ALL_LIVES) == ["1 running", "1 interrupted", "1 failed"]


def test_a_classic_interrupt_becomes_a_question() -> None:
    log = Log()
    interrupt = {"id": "q", "value": "what?"}
    log.run(FIRST, ("values", {"x": 1, "__interrupt__": [interrupt]}))
    envelopes_told = [envelope_of(told.body) for told in log.told()]
    assert [envelope["params"]["data"] for envelope in envelopes_told[1:]] == [
        {"x": 1},
        {"interrupt_id": "q", "payload": "what?", "value": "what?"},
        {"event": "interrupted"},
    ]


def test_a_message_that_grows_is_told_in_what_it_grows_by() -> None:
    log = Log()
    message = {"id": "m", "type": "ai"}
    log.run(
        FIRST,
        ("messages/metadata", {"m": {"metadata": {"langgraph_node": "answer"}}}),
        ("messages/partial", [{**message, "content": "Two "}]),
        ("messages/partial", [{**message, "content": "Two books"}]),
    )
    told = [envelope_of(each.body) for each in log.told()]
    parts = [each["params"] for each in told if each["method"] == "messages"]
    assert [part["data"]["delta"]["text"] for part in parts if "delta" in part["data"]] == [
        "Two ",
        "books",
    ]
    assert {part["node"] for part in parts} == {"answer"}
    names = [each["event_id"] for each in told]
    assert len(names) == len(set(names))


def test_what_an_attempt_was_writing_when_it_ended_is_taken_back_by_the_next() -> None:
    log = Log()
    chunk = {"type": "AIMessageChunk", "content": "Two "}
    log.run(FIRST, ("messages|sub:1", [{**chunk, "id": "half"}, {}]), status=None)
    log.run(FIRST, ("messages|sub:1", [{**chunk, "id": "whole", "chunk_position": "last"}, {}]))
    told = [envelope_of(each.body)["params"] for each in log.told()]
    assert [each["data"]["event"] for each in told if each["namespace"] == ["sub:1"]] == [
        "message-start",
        "content-block-start",
        "content-block-delta",
        "content-block-finish",
        "error",
        "message-start",
        "content-block-start",
        "content-block-delta",
        "content-block-finish",
        "message-finish",
    ]
    emptied, *_ = [each["data"] for each in told if each["data"]["event"] == "content-block-finish"]
    assert (emptied["message_id"], emptied["content"]["text"]) == ("half", "")
    begun = [each["data"]["event"] for each in told if not each["namespace"]]
    assert begun == ["running", "running", "completed"]


def test_a_run_that_fails_twice_fails_by_two_names() -> None:
    log = Log()
    log.run(FIRST, status="error")
    log.run(FIRST, status="error")
    names = [envelope_of(told.body)["event_id"] for told in log.told()]
    assert len(set(names)) == 4


def test_a_message_with_tool_calls_ends_with_them() -> None:
    log = Log()
    chunk = {"id": "m", "type": "AIMessageChunk", "content": ""}
    calls = ({"index": 0, "id": "c", "name": "add", "args": '{"a":'}, {"index": 0, "args": " 1}"})
    log.run(
        FIRST,
        *(("messages", [{**chunk, "tool_call_chunks": [call]}, {}]) for call in calls),
        ("messages", [{**chunk, "chunk_position": "last"}, {}]),
    )
    told = [envelope_of(each.body)["params"]["data"] for each in log.told()]
    (call,) = [
        part["content"]
        for part in told
        if part["event"] == "content-block-finish" and part["content"]["type"] == "tool_call"
    ]
    assert call == {"type": "tool_call", "id": "c", "name": "add", "args": {"a": 1}}


def test_an_event_is_written_once_and_for_all() -> None:
    event = Event("custom", "custom:a", ("n:1",), 5, {"name": "a", "payload": 1})
    body = event.written(EventId(7, 3))
    assert envelope_of(body) == {
        "type": "event",
        "event_id": "7-3",
        "seq": seq_of(EventId(7, 3)),
        "method": "custom",
        "params": {"namespace": ["n:1"], "timestamp": 5, "data": {"name": "a", "payload": 1}},
    }
    assert body.startswith(b"event: custom\n")
    assert orjson.loads(body.splitlines()[2].removeprefix(b"id: ")) == seq_of(EventId(7, 3))
