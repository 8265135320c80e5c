"""What every EventLog promises."""

from uuid import uuid4

from tests.support.streams import KEPT, UNLOGGED, StreamParts, frame, frames
from tests.support.waiting import eventually

from joinstream.domain.events import EventId, Frame
from joinstream.ports import Retention


def _ids(found: list[Frame]) -> list[str]:
    return [str(frame.id) for frame in found]


async def test_what_was_appended_is_read_back_in_order(parts: StreamParts) -> None:
    stream, run = uuid4(), uuid4()
    written = frames(1, range(5), run, end=True)
    assert await parts.log.append(stream, written, KEPT) == "appended"
    page = await parts.log.read(stream, None)
    assert page.frames == written
    assert not page.more


async def test_an_unknown_stream_is_empty(parts: StreamParts) -> None:
    stream = uuid4()
    assert await parts.log.read(stream, None) == ([], False)
    assert await parts.log.read(stream, EventId(3, 4)) == ([], False)
    assert await parts.log.top(stream) is None
    assert await parts.log.first_of_run(stream, uuid4()) is None


async def test_reading_goes_on_after_an_id_whether_or_not_it_exists(parts: StreamParts) -> None:
    stream, run = uuid4(), uuid4()
    await parts.log.append(stream, frames(2, range(4), run), KEPT)
    assert _ids((await parts.log.read(stream, EventId(2, 1))).frames) == ["2-2", "2-3"]
    assert len((await parts.log.read(stream, EventId(1, 99))).frames) == 4
    assert (await parts.log.read(stream, EventId(2, 3))).frames == []


async def test_pages_join_up_without_repeating_anything(parts: StreamParts) -> None:
    stream, run = uuid4(), uuid4()
    await parts.log.append(stream, frames(1, range(100), run), KEPT)
    seen: list[Frame] = []
    more = True
    while more:
        page = await parts.log.read(stream, seen[-1].id if seen else None, limit=33)
        assert len(page.frames) <= 33
        seen += page.frames
        more = page.more
    assert [frame.id.k for frame in seen] == list(range(100))


async def test_the_top_is_the_newest_id(parts: StreamParts) -> None:
    stream, run = uuid4(), uuid4()
    await parts.log.append(stream, frames(7, range(3), run), KEPT)
    assert await parts.log.top(stream) == EventId(7, 2)


async def test_a_repeated_append_adds_nothing_and_counts_as_done(parts: StreamParts) -> None:
    stream, run = uuid4(), uuid4()
    batch = frames(1, range(4), run)
    await parts.log.append(stream, batch[:2], KEPT)
    assert await parts.log.append(stream, batch, KEPT) == "appended"
    assert await parts.log.append(stream, batch, KEPT) == "appended"
    assert (await parts.log.read(stream, None)).frames == batch


async def test_a_writer_of_an_earlier_epoch_is_told_that_it_is_stale(parts: StreamParts) -> None:
    stream, run = uuid4(), uuid4()
    await parts.log.append(stream, frames(1, range(3), run), KEPT)
    await parts.log.append(stream, frames(2, range(1), run), KEPT)
    assert await parts.log.append(stream, frames(1, [3, 4], run), KEPT) == "stale"
    assert _ids((await parts.log.read(stream, None)).frames) == ["1-0", "1-1", "1-2", "2-0"]


async def test_the_first_frame_of_an_epoch_names_the_one_before_it(parts: StreamParts) -> None:
    stream, run = uuid4(), uuid4()
    await parts.log.append(stream, frames(1, range(3), run), KEPT)
    await parts.log.append(stream, frames(4, range(2), run), KEPT)
    page = await parts.log.read(stream, EventId(1, 2))
    assert [frame.prev for frame in page.frames] == [EventId(1, 2), EventId(4, 0)]


async def test_what_a_writer_dropped_stays_visible_as_a_hole(parts: StreamParts) -> None:
    stream, run = uuid4(), uuid4()
    await parts.log.append(stream, frames(1, [0, 1, 5], run), KEPT)
    page = await parts.log.read(stream, EventId(1, 1))
    assert page.frames[0].prev == EventId(1, 4)


async def test_the_first_frame_of_a_run_is_found_among_other_runs(parts: StreamParts) -> None:
    stream, first, second, third = uuid4(), uuid4(), uuid4(), uuid4()
    for epoch, run in ((1, first), (2, second), (3, second), (5, third)):
        await parts.log.append(stream, frames(epoch, range(3), run), KEPT)
    found = await parts.log.first_of_run(stream, second)
    assert found is not None
    assert (found.id, found.prev) == (EventId(2, 0), EventId(1, 2))
    assert await parts.log.first_of_run(stream, uuid4()) is None


async def test_an_unlogged_append_leaves_nothing_behind(parts: StreamParts) -> None:
    stream, run = uuid4(), uuid4()
    assert await parts.log.append(stream, frames(1, range(3), run), UNLOGGED) == "appended"
    assert await parts.log.top(stream) is None


async def test_a_log_expires_after_its_last_write(parts: StreamParts) -> None:
    stream, run = uuid4(), uuid4()
    await parts.log.append(stream, [frame(1, 0, run)], Retention(0.05))

    async def gone() -> bool:
        return await parts.log.top(stream) is None

    await eventually(gone)
    assert await parts.log.read(stream, None) == ([], False)


async def test_a_touch_puts_the_expiry_off(parts: StreamParts) -> None:
    touched, left = uuid4(), uuid4()
    for stream in (touched, left):
        await parts.log.append(stream, [frame(1, 0, uuid4())], Retention(0.2))
    await parts.log.touch(touched, KEPT)

    async def gone() -> bool:
        return await parts.log.top(left) is None

    await eventually(gone)
    assert await parts.log.top(touched) == EventId(1, 0)


async def test_a_shorter_retention_never_brings_the_expiry_forward(parts: StreamParts) -> None:
    kept, left = uuid4(), uuid4()
    run = uuid4()
    await parts.log.append(kept, [frame(1, 0, run)], KEPT)
    await parts.log.append(kept, [frame(1, 1, run)], Retention(0.05))
    await parts.log.append(left, [frame(1, 0, run)], Retention(0.1))

    async def gone() -> bool:
        return await parts.log.top(left) is None

    await eventually(gone)
    assert await parts.log.top(kept) == EventId(1, 1)


async def test_touching_a_log_that_is_gone_does_not_bring_it_back(parts: StreamParts) -> None:
    stream = uuid4()
    await parts.log.touch(stream, KEPT)
    assert await parts.log.top(stream) is None
