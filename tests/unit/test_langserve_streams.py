"""Streams of LangServe when not all can be told: events are lost, or a worker dies."""

from typing import Any
from uuid import UUID

import orjson
import pytest

from joinstream.domain.events import EventId, Frame, FrameKind
from joinstream.domain.ids import RunId
from joinstream.langserve_api.chunks import Chunks, ChunkShape
from joinstream.langserve_api.events import EventReader
from joinstream.langserve_api.run_log import RunLog
from joinstream.langserve_api.schemas import CallKwargs
from joinstream.langserve_api.selection import Selection
from joinstream.langserve_api.wire import DataStream
from joinstream.streams.codec import sse_bytes

RUN_ID = RunId(UUID(int=7))
SHAPE = ChunkShape.of(CallKwargs(), "updates")


def frame(kind: FrameKind, mode: str, data: Any) -> Frame:
    id = EventId(1, 0)
    return Frame(id, None, RUN_ID, kind, mode, 0, sse_bytes(mode, orjson.dumps(data), id))


BEGINS = frame(FrameKind.METADATA, "metadata", {})


def update(number: int) -> Frame:
    return frame(FrameKind.EVENT, "updates", {"node": number})


def told(stream: DataStream, *frames: Frame) -> list[Any]:
    events = [event.split("\ndata: ") for event in stream.tell(frames).decode().split("\n\n")[:-1]]
    assert all(name == "event: data" for name, _ in events)
    return [orjson.loads(data) for _, data in events]


def test_a_run_that_begins_anew_goes_on_behind_what_was_told() -> None:
    stream = DataStream(Chunks(SHAPE, stateless=True))
    assert len(told(stream, BEGINS, update(1), update(2))) == 2
    assert told(stream, BEGINS, update(1)) == []
    assert told(stream, update(2), update(3)) == [{"node": 3}]
    assert stream.finish(None) == b"event: end\n\n"


@pytest.mark.parametrize("anew", [[update(2)], [update(1), update(3)], []])
def test_one_that_says_something_else_ends_in_an_error(anew: list[Frame]) -> None:
    stream = DataStream(Chunks(SHAPE, stateless=True))
    assert len(told(stream, BEGINS, update(1), update(2))) == 2
    assert told(stream, BEGINS, *anew) == []
    assert told(stream, update(4)) == []
    assert b"something else than was told" in stream.finish(None)


def test_a_run_with_a_thread_goes_on_where_it_was() -> None:
    stream = DataStream(Chunks(SHAPE, stateless=False))
    assert len(told(stream, BEGINS, update(1), BEGINS, update(2))) == 2
    assert stream.finish(None) == b"event: end\n\n"


def test_lost_events_end_in_an_error_and_a_failure_says_more() -> None:
    stream = DataStream(Chunks(SHAPE, stateless=True))
    stream.miss()
    assert told(stream, BEGINS, update(1)) == []
    assert b'{"status_code":500,"message":"Some of the run' in stream.finish(None)
    assert b'"message":"ValueError: no"' in stream.finish("ValueError: no")


def test_the_log_of_a_run_that_begins_anew_is_emptied() -> None:
    stream = DataStream(RunLog(EventReader(RUN_ID, SHAPE), Selection()))
    first = told(stream, BEGINS, event("start", str(RUN_ID)), event("start", "part"))
    again = told(stream, BEGINS, event("start", str(RUN_ID)), event("start", "part"))
    assert paths(first) == paths(again) == ["", "/logs/n~1a~0me"]


def test_a_part_that_fails_has_no_output() -> None:
    stream = DataStream(RunLog(EventReader(RUN_ID, SHAPE), Selection()))
    told(stream, BEGINS, event("start", str(RUN_ID)), event("start", "part"))
    [patch] = told(stream, event("error", "part"))
    assert patch["ops"][0] == {"op": "add", "path": "/logs/n~1a~0me/final_output", "value": None}


def event(phase: str, run_id: str) -> Frame:
    about = {"run_id": run_id, "name": "n/a~me", "tags": [], "metadata": {}, "data": {}}
    return frame(FrameKind.EVENT, "events", {"event": f"on_chain_{phase}", **about})


def paths(patches: list[Any]) -> list[str]:
    return [op["path"] for patch in patches for op in patch["ops"]]
