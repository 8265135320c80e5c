"""The writing end of a stream: fast when quiet, batched when busy, harmless when Redis is away."""

import asyncio
from collections.abc import Sequence
from uuid import UUID, uuid4

import pytest

from joinstream.domain.events import EventId, Frame, FrameKind
from joinstream.ports import AppendOutcome, Retention
from joinstream.streams.memory import MemoryStreams
from joinstream.streams.publisher import ROOM_BYTES, RunPublisher
from tests.support.redis import RedisServer
from tests.support.streams import KEPT, StreamParts, frames, redis_parts
from tests.support.waiting import eventually


class RecordingLog(MemoryStreams):
    """Keeps the batches as they were sent; `hold` makes appends wait."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[list[Frame]] = []
        self.hold = asyncio.Event()
        self.hold.set()

    async def append(
        self, stream: UUID, frames: Sequence[Frame], retention: Retention
    ) -> AppendOutcome:
        self.batches.append(list(frames))
        await self.hold.wait()
        return await super().append(stream, frames, retention)


def emit(publisher: RunPublisher, count: int = 1, size: int = 2) -> None:
    for _ in range(count):
        publisher.emit(FrameKind.EVENT, "values", "values", 0, b"1" * size)


async def read_ids(parts: StreamParts, stream: UUID) -> list[EventId]:
    return [frame.id for frame in (await parts.log.read(stream, None, 10_000)).frames]


async def test_events_are_numbered_from_zero_and_name_their_predecessor() -> None:
    log, stream, run = RecordingLog(), uuid4(), uuid4()
    publisher = RunPublisher(log, stream, run, 7, KEPT)
    publisher.emit(FrameKind.METADATA, "metadata", "metadata", 0, b"{}")
    publisher.emit(FrameKind.EVENT, "values|sub:1", "values", 1, b'{"a":1}')
    await publisher.close()
    first, second = (await log.read(stream, None)).frames
    assert (first.id, first.prev, first.kind) == (EventId(7, 0), None, FrameKind.METADATA)
    assert second == Frame(
        EventId(7, 1),
        EventId(7, 0),
        run,
        FrameKind.EVENT,
        "values",
        1,
        b'event: values|sub:1\ndata: {"a":1}\nid: 7-1\n\n',
    )


async def test_the_event_of_a_quiet_run_leaves_in_the_next_turn_of_the_loop() -> None:
    log = RecordingLog()
    publisher = RunPublisher(log, uuid4(), uuid4(), 1, KEPT)
    emit(publisher)
    await asyncio.sleep(0)
    assert len(log.batches) == 1
    await publisher.close()


async def test_what_is_emitted_in_one_go_travels_together() -> None:
    log = RecordingLog()
    publisher = RunPublisher(log, uuid4(), uuid4(), 1, KEPT)
    emit(publisher, 100)
    await publisher.close()
    assert [len(batch) for batch in log.batches] == [100]


async def test_only_one_append_is_under_way_and_the_next_takes_all_that_came_meanwhile() -> None:
    log = RecordingLog()
    log.hold.clear()
    publisher = RunPublisher(log, uuid4(), uuid4(), 1, KEPT)
    emit(publisher)
    await asyncio.sleep(0)
    emit(publisher, 50)
    await asyncio.sleep(0)
    assert [len(batch) for batch in log.batches] == [1]
    log.hold.set()
    await publisher.close()
    assert [len(batch) for batch in log.batches] == [1, 50]


async def test_a_busy_run_is_batched_by_the_clock() -> None:
    log, stream = RecordingLog(), uuid4()
    publisher = RunPublisher(log, stream, uuid4(), 1, KEPT)
    for _ in range(500):
        emit(publisher)
        await asyncio.sleep(0)
    await publisher.close()
    assert sum(len(batch) for batch in log.batches) == 500
    assert len(log.batches) < 250


async def test_a_flush_does_not_wait_for_the_clock() -> None:
    log, stream = RecordingLog(), uuid4()
    publisher = RunPublisher(log, stream, uuid4(), 1, KEPT)
    for k in range(5):
        emit(publisher)
        await publisher.flush()
        assert await log.top(stream) == EventId(1, k)


async def test_a_run_that_outruns_the_log_has_to_wait_for_room() -> None:
    log = RecordingLog()
    log.hold.clear()
    publisher = RunPublisher(log, uuid4(), uuid4(), 1, KEPT)
    emit(publisher, size=ROOM_BYTES + 1)
    assert publisher.is_full
    waiting = asyncio.create_task(publisher.wait_for_room())
    await asyncio.sleep(0.01)
    assert not waiting.done()
    log.hold.set()
    await waiting
    assert not publisher.is_full


async def test_large_events_travel_in_several_appends() -> None:
    log, stream = RecordingLog(), uuid4()
    publisher = RunPublisher(log, stream, uuid4(), 1, KEPT)
    emit(publisher, 10, size=ROOM_BYTES // 3)
    await publisher.close()
    assert await log.top(stream) == EventId(1, 9)
    assert max(len(batch) for batch in log.batches) <= 3


async def test_a_zombie_falls_silent(redis_server: RedisServer) -> None:
    stream, run = uuid4(), uuid4()
    async with redis_parts(redis_server) as parts:
        publisher = RunPublisher(parts.log, stream, run, 1, KEPT)
        emit(publisher)
        await publisher.flush()
        await parts.log.append(stream, frames(2, range(1), run), KEPT)
        emit(publisher, 3)
        await publisher.flush()
        assert publisher.stale
        emit(publisher, 3)
        await publisher.close()
        assert await read_ids(parts, stream) == [EventId(1, 0), EventId(2, 0)]
        assert publisher.dropped == 0


async def test_events_wait_for_a_redis_that_comes_back(own_redis_server: RedisServer) -> None:
    stream = uuid4()
    async with redis_parts(own_redis_server) as parts:
        publisher = RunPublisher(parts.log, stream, uuid4(), 1, KEPT)
        emit(publisher, 2)
        await publisher.flush()
        own_redis_server.kill()
        emit(publisher, 2)
        flushing = asyncio.create_task(publisher.flush())
        await asyncio.sleep(0.05)
        emit(publisher, 2)
        await asyncio.to_thread(own_redis_server.start)
        await flushing
        assert await read_ids(parts, stream) == [EventId(1, k) for k in range(2, 6)]
        assert publisher.dropped == 0


async def test_events_are_dropped_and_counted_when_redis_stays_away(
    own_redis_server: RedisServer,
) -> None:
    stream = uuid4()
    async with redis_parts(own_redis_server) as parts:
        publisher = RunPublisher(parts.log, stream, uuid4(), 1, KEPT, hold_seconds=0.1)
        own_redis_server.kill()
        emit(publisher, 5)
        await publisher.flush()
        assert publisher.dropped == 5
        await asyncio.to_thread(own_redis_server.start)
        emit(publisher)
        await publisher.close()
        (after,) = (await parts.log.read(stream, None)).frames
    assert (after.id, after.prev) == (EventId(1, 5), EventId(1, 4)), "the hole must show"


async def test_a_short_absence_costs_nothing_however_much_is_emitted(
    own_redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    stream = uuid4()
    async with redis_parts(own_redis_server) as parts:
        publisher = RunPublisher(parts.log, stream, uuid4(), 1, KEPT, hold_seconds=60)
        own_redis_server.kill()
        emit(publisher)
        flushing = asyncio.create_task(publisher.flush())

        async def noticed() -> bool:
            return "have to wait" in caplog.text

        await eventually(noticed)
        emit(publisher, 3, size=ROOM_BYTES)
        assert publisher.is_full
        await asyncio.to_thread(own_redis_server.start)
        await flushing
        assert publisher.dropped == 0
        assert await parts.log.top(stream) == EventId(1, 3)


async def test_what_waits_for_redis_is_bounded(own_redis_server: RedisServer) -> None:
    async with redis_parts(own_redis_server) as parts:
        publisher = RunPublisher(parts.log, uuid4(), uuid4(), 1, KEPT, hold_seconds=0.2)
        own_redis_server.kill()
        emit(publisher)
        await publisher.flush()
        assert publisher.dropped == 1, "it was held for as long as anything is"
        emit(publisher, 3, size=ROOM_BYTES)
        assert not publisher.is_full
        await publisher.close()


async def test_events_nobody_could_send_do_not_disturb_the_run(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class BrokenLog(MemoryStreams):
        async def append(
            self, stream: UUID, frames: Sequence[Frame], retention: Retention
        ) -> AppendOutcome:
            raise RuntimeError("a bug")

    publisher = RunPublisher(BrokenLog(), uuid4(), uuid4(), 1, KEPT)
    emit(publisher, 3)
    await publisher.close()
    assert publisher.dropped == 3
    assert "cannot be sent" in caplog.text
