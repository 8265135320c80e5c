"""What every reader of a stream gets, from wherever it begins."""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from tests.support.streams import (
    KEPT,
    UNLOGGED,
    Reader,
    Row,
    StreamParts,
    frame,
    frames,
    reading,
)
from tests.support.waiting import eventually

from joinstream.domain.events import EventId, FrameKind
from joinstream.ports import Retention
from joinstream.streams.join import Ended, Gap, follow

FAST: Any = {"heartbeat": 0.02, "status_every": 0.02}


async def test_a_reader_from_the_start_gets_past_and_future_up_to_the_end(
    parts: StreamParts,
) -> None:
    stream, run = uuid4(), uuid4()
    await parts.log.append(stream, frames(1, range(3), run), KEPT)
    async with reading(parts, stream, run, "start", Row().has_ended) as reader:
        await reader.until(lambda r: len(r.ids) == 3)
        await parts.log.append(stream, frames(1, range(3, 6), run, end=True), KEPT)
        await reader.finish()
    assert reader.ids == [f"1-{k}" for k in range(6)]
    assert not reader.gaps
    assert not reader.got_synthetic_end


async def test_a_reader_from_now_gets_nothing_from_before(parts: StreamParts) -> None:
    stream, run = uuid4(), uuid4()
    await parts.log.append(stream, frames(1, range(3), run), KEPT)
    located = asyncio.Event()

    async def look() -> bool:
        located.set()
        return False

    async with reading(parts, stream, run, "now", look) as reader:
        await located.wait()
        await parts.log.append(stream, frames(1, range(3, 5), run, end=True), KEPT)
        await reader.finish()
    assert reader.ids == ["1-3", "1-4"]
    assert not reader.gaps


async def test_a_reader_with_a_cursor_gets_what_it_missed(parts: StreamParts) -> None:
    stream, run = uuid4(), uuid4()
    await parts.log.append(stream, frames(1, range(5), run, end=True), KEPT)
    row = Row(ended=True)
    async with reading(parts, stream, run, EventId(1, 2), row.has_ended) as reader:
        await reader.finish()
    assert reader.ids == ["1-3", "1-4"]
    assert not reader.gaps


async def test_a_reader_of_a_run_gets_nothing_of_the_runs_around_it(parts: StreamParts) -> None:
    stream, before, mine, after = (uuid4() for _ in range(4))
    await parts.log.append(stream, frames(1, range(4), before, end=True), KEPT)
    async with reading(parts, stream, mine, "start", Row().has_ended) as reader:
        await parts.log.append(stream, frames(2, range(3), mine), KEPT)
        await parts.log.append(stream, frames(3, range(3), after), KEPT)
        await parts.log.append(stream, frames(4, range(3), mine, end=True), KEPT)
        await reader.finish()
    assert reader.ids == ["2-0", "2-1", "2-2", "4-0", "4-1", "4-2"]
    assert not reader.gaps


async def test_a_reader_of_a_thread_goes_on_over_all_its_runs(parts: StreamParts) -> None:
    stream = uuid4()
    async with reading(parts, stream, None, "start", Row().has_ended) as reader:
        for epoch in range(1, 4):
            await parts.log.append(stream, frames(epoch, range(2), uuid4(), end=True), KEPT)
        await reader.until(lambda r: len(r.ids) == 6)
    assert reader.ids == ["1-0", "1-1", "2-0", "2-1", "3-0", "3-1"]
    assert not reader.gaps


async def test_a_reader_of_a_thread_that_is_gone_gets_what_there_is_and_ends(
    parts: StreamParts,
) -> None:
    stream = uuid4()
    await parts.log.append(stream, frames(1, range(2), uuid4(), end=True), KEPT)
    async with reading(parts, stream, None, "start", Row(ended=True).has_ended) as reader:
        await reader.finish()
    assert reader.ids == ["1-0", "1-1"]
    assert reader.items[-1] == Ended()
    assert not reader.gaps


async def test_everybody_gets_the_same_batch_when_nothing_has_to_be_left_out(
    parts: StreamParts,
) -> None:
    stream, run = uuid4(), uuid4()
    row = Row()
    async with (
        reading(parts, stream, run, "start", row.has_ended) as one,
        reading(parts, stream, run, "start", row.has_ended) as other,
    ):
        await parts.log.append(stream, frames(1, range(1), run), KEPT)
        await one.until(lambda r: len(r.ids) == 1)
        await other.until(lambda r: len(r.ids) == 1)
        await parts.log.append(stream, frames(1, range(1, 4), run, end=True), KEPT)
        await one.finish()
        await other.finish()
    assert one.items[-1] is other.items[-1]


async def test_an_end_that_was_never_written_is_made_up_from_the_row(parts: StreamParts) -> None:
    stream, run = uuid4(), uuid4()
    row = Row()
    async with reading(parts, stream, run, "start", row.has_ended, **FAST) as reader:
        await parts.log.append(stream, frames(1, range(3), run), KEPT)
        await reader.until(lambda r: len(r.ids) == 3)
        row.ended = True
        await reader.finish()
    assert reader.ids == ["1-0", "1-1", "1-2"]
    assert reader.got_synthetic_end
    assert reader.gaps == [Gap(EventId(1, 2), None)], "its last events may be among the missing"


async def test_a_run_that_ended_before_it_began_ends_at_once_when_nudged(
    parts: StreamParts,
) -> None:
    stream, run = uuid4(), uuid4()
    row = Row()
    looked = asyncio.Event()

    async def has_ended() -> bool:
        looked.set()
        return row.ended

    async with reading(parts, stream, run, "start", has_ended) as reader:
        await looked.wait()
        row.ended = True
        await parts.log.nudge(stream)
        await reader.finish()
    assert reader.got_synthetic_end
    assert not reader.gaps


async def test_joining_a_run_from_its_start_when_its_log_is_gone_is_announced(
    parts: StreamParts,
) -> None:
    row = Row(ended=True)
    async with reading(parts, uuid4(), uuid4(), "start", row.has_ended) as reader:
        await reader.finish()
    assert reader.gaps == [Gap(None, None)]
    assert reader.got_synthetic_end


async def test_a_run_of_which_the_log_took_nothing_is_announced_when_it_was_executed(
    parts: StreamParts,
) -> None:
    for begun, gaps in ((True, [Gap(None, None)]), (False, [])):
        row = Row()
        row.begun = begun
        reader_of_it = reading(
            parts, uuid4(), uuid4(), "start", row.has_ended, has_begun=row.has_begun, **FAST
        )
        async with reader_of_it as reader:
            await reader.until(lambda r: r.heartbeats > 0)
            row.ended = True
            await reader.finish()
        assert reader.gaps == gaps
        assert reader.got_synthetic_end


async def test_joining_an_ended_run_from_now_just_ends(parts: StreamParts) -> None:
    stream, run = uuid4(), uuid4()
    await parts.log.append(stream, frames(1, range(4), run, end=True), KEPT)
    row = Row(ended=True)
    async with reading(parts, stream, run, "now", row.has_ended) as reader:
        await reader.finish()
    assert not reader.ids
    assert not reader.gaps
    assert reader.got_synthetic_end


async def test_a_client_that_comes_back_after_the_end_missed_nothing(parts: StreamParts) -> None:
    stream, run = uuid4(), uuid4()
    await parts.log.append(stream, frames(1, range(4), run, end=True), KEPT)
    row = Row(ended=True)
    async with reading(parts, stream, run, EventId(1, 3), row.has_ended) as reader:
        await reader.finish()
    assert not reader.gaps
    assert reader.got_synthetic_end


async def test_a_client_that_comes_back_to_an_expired_log_is_told(parts: StreamParts) -> None:
    stream, run = uuid4(), uuid4()
    row = Row(ended=True)
    async with reading(parts, stream, run, EventId(1, 3), row.has_ended) as reader:
        await reader.finish()
    assert reader.gaps == [Gap(EventId(1, 3), None)]
    assert reader.got_synthetic_end


async def test_what_the_writer_dropped_is_announced_with_its_ids(parts: StreamParts) -> None:
    stream, run = uuid4(), uuid4()
    async with reading(parts, stream, run, "start", Row().has_ended) as reader:
        await parts.log.append(stream, frames(1, range(3), run), KEPT)
        await parts.log.append(stream, frames(1, range(7, 10), run, end=True), KEPT)
        await reader.finish()
    assert reader.ids == ["1-0", "1-1", "1-2", "1-7", "1-8", "1-9"]
    assert reader.gaps == [Gap(EventId(1, 2), EventId(1, 6))]


async def test_a_log_that_lost_the_beginning_of_a_run_is_announced(parts: StreamParts) -> None:
    stream, run = uuid4(), uuid4()
    await parts.log.append(stream, frames(2, range(5, 8), run, end=True), KEPT)
    async with reading(parts, stream, run, "start", Row(ended=True).has_ended) as reader:
        await reader.finish()
    assert reader.gaps == [Gap(None, EventId(2, 4))]
    assert reader.ids == ["2-5", "2-6", "2-7"]


async def test_a_hole_in_another_run_is_nobody_elses_gap(parts: StreamParts) -> None:
    stream, other, run = uuid4(), uuid4(), uuid4()
    async with reading(parts, stream, run, "start", Row().has_ended) as reader:
        await parts.log.append(stream, frames(1, [0, 1, 9], other), KEPT)
        await parts.log.append(stream, frames(2, range(3), run, end=True), KEPT)
        await reader.finish()
    assert reader.ids == ["2-0", "2-1", "2-2"]
    assert not reader.gaps


async def test_a_log_that_expired_between_two_runs_is_no_gap_for_who_saw_the_end(
    parts: StreamParts,
) -> None:
    stream = uuid4()
    async with reading(parts, stream, None, "start", Row().has_ended) as reader:
        await parts.log.append(stream, frames(1, range(2), uuid4(), end=True), Retention(0.05))
        await reader.until(lambda r: len(r.ids) == 2)

        async def gone() -> bool:
            return await parts.log.top(stream) is None

        await eventually(gone)
        await parts.log.append(stream, frames(2, range(2), uuid4(), end=True), KEPT)
        await reader.until(lambda r: len(r.ids) == 4)
    assert not reader.gaps


async def test_a_log_that_expired_within_a_run_is_a_gap(parts: StreamParts) -> None:
    stream, run = uuid4(), uuid4()
    async with reading(parts, stream, run, "start", Row().has_ended) as reader:
        await parts.log.append(stream, frames(1, range(2), run), Retention(0.05))
        await reader.until(lambda r: len(r.ids) == 2)

        async def gone() -> bool:
            return await parts.log.top(stream) is None

        await eventually(gone)
        await parts.log.append(stream, frames(2, range(2), run, end=True), KEPT)
        await reader.finish()
    assert reader.ids == ["1-0", "1-1", "2-0", "2-1"]
    assert reader.gaps == [Gap(EventId(1, 1), None)]


def _has(id: str) -> Callable[[Reader], bool]:
    return lambda reader: id in reader.ids


async def test_a_run_without_a_log_is_followed_live(parts: StreamParts) -> None:
    stream, run = uuid4(), uuid4()
    async with reading(parts, stream, run, "start", Row().has_ended) as reader:
        await parts.log.append(stream, frames(1, range(3), run), UNLOGGED)
        await parts.log.append(stream, frames(1, range(3, 6), run, end=True), UNLOGGED)
        await reader.finish()
    assert reader.ids == [f"1-{k}" for k in range(6)]
    assert not reader.gaps


async def test_who_joins_a_run_without_a_log_from_now_misses_nothing(parts: StreamParts) -> None:
    stream, run = uuid4(), uuid4()
    looked = asyncio.Event()

    async def look() -> bool:
        looked.set()
        return False

    async with reading(parts, stream, run, "now", look) as reader:
        await looked.wait()
        await parts.log.append(stream, frames(1, range(7, 9), run, end=True), UNLOGGED)
        await reader.finish()
    assert reader.ids == ["1-7", "1-8"]
    assert not reader.gaps


async def test_who_joins_a_run_without_a_log_from_the_start_is_told(parts: StreamParts) -> None:
    stream, run = uuid4(), uuid4()
    async with reading(parts, stream, run, "start", Row().has_ended) as reader:
        await parts.log.append(stream, frames(1, range(7, 9), run, end=True), UNLOGGED)
        await reader.finish()
    assert reader.gaps == [Gap(None, EventId(1, 6))]
    assert reader.ids == ["1-7", "1-8"]


async def test_a_logged_run_follows_an_unlogged_one_without_a_gap(parts: StreamParts) -> None:
    stream = uuid4()
    async with reading(parts, stream, None, "start", Row().has_ended) as reader:
        for epoch, retention in ((1, KEPT), (2, UNLOGGED), (3, KEPT)):
            batch = frames(epoch, range(2), uuid4(), end=True)
            await parts.log.append(stream, batch, retention)
            await reader.until(_has(f"{epoch}-1"))
    assert reader.ids == ["1-0", "1-1", "2-0", "2-1", "3-0", "3-1"]
    assert not reader.gaps


async def test_large_bodies_reach_everybody(parts: StreamParts) -> None:
    stream, run = uuid4(), uuid4()
    sizes = [10, 300_000, 10, 400_000, 5_000_000, 10]
    sent = [frame(1, k, run, size=size) for k, size in enumerate(sizes)]
    sent[-1] = sent[-1]._replace(kind=FrameKind.END)
    async with reading(parts, stream, run, "start", Row().has_ended) as reader:
        for one in sent:
            await parts.log.append(stream, [one], KEPT)
        await reader.finish()
    assert reader.frames == sent


async def test_heartbeats_keep_time_however_busy_the_stream_is(parts: StreamParts) -> None:
    stream, run = uuid4(), uuid4()
    async with reading(parts, stream, run, "start", Row().has_ended, heartbeat=0.02) as reader:
        k = 0
        while reader.heartbeats < 5:
            await parts.log.append(stream, [frame(1, k, run)], KEPT)
            await asyncio.sleep(0)
            k += 1
        await parts.log.append(stream, frames(1, [k], run, end=True), KEPT)
        await reader.finish()
    assert reader.ids == [f"1-{n}" for n in range(k + 1)]


async def test_a_row_that_cannot_be_read_ends_nothing(parts: StreamParts) -> None:
    stream, run = uuid4(), uuid4()
    looks = 0

    async def fails() -> bool:
        nonlocal looks
        looks += 1
        raise OSError("the database is away")

    async with reading(parts, stream, run, "start", fails, **FAST) as reader:
        await reader.until(lambda r: looks >= 3)
        await parts.log.append(stream, frames(1, range(2), run, end=True), KEPT)
        await reader.finish()
    assert reader.ids == ["1-0", "1-1"]


async def test_a_reader_whose_queue_ran_over_reads_the_log(
    parts: StreamParts,
) -> None:
    stream, run = uuid4(), uuid4()
    count = 3_000
    async with parts.hub.subscribe(stream) as subscription:
        for k in range(count):
            one = frame(1, k, run, FrameKind.END if k == count - 1 else None)
            await parts.log.append(stream, [one], KEPT)
        items = follow(
            parts.log,
            subscription,
            stream=stream,
            run_id=run,
            cursor=EventId(1, 9),
            has_ended=Row().has_ended,
        )
        reader = await Reader(items).finish()
    assert reader.ids == [f"1-{k}" for k in range(10, count)]
    assert not reader.gaps
