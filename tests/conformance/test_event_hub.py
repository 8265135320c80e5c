"""What every EventHub promises."""

import asyncio
from uuid import uuid4

from tests.support.streams import KEPT, UNLOGGED, StreamParts, frame, frames, receive_frames

from joinstream.ports import DIRTY, NUDGED, Subscription
from joinstream.streams import reader_queue


async def test_everything_appended_after_entering_arrives(parts: StreamParts) -> None:
    stream, run = uuid4(), uuid4()
    for k in range(1, 21):
        async with parts.hub.subscribe(stream) as subscription:
            sent = frame(1, k, run)
            await parts.log.append(stream, [sent], KEPT)
            assert await receive_frames(subscription, 1) == [sent]


async def test_all_readers_share_what_was_decoded_once(parts: StreamParts) -> None:
    stream, run = uuid4(), uuid4()
    async with parts.hub.subscribe(stream) as one, parts.hub.subscribe(stream) as other:
        await parts.log.append(stream, frames(1, range(3), run), KEPT)
        first, second = await asyncio.gather(one.receive(10), other.receive(10))
    assert first is not None
    assert first is second


async def test_streams_do_not_mix(parts: StreamParts) -> None:
    mine, yours, run = uuid4(), uuid4(), uuid4()
    async with parts.hub.subscribe(mine) as subscription:
        await parts.log.append(yours, frames(1, range(3), run), KEPT)
        await parts.log.append(mine, frames(1, range(1), run), KEPT)
        assert len(await receive_frames(subscription, 1)) == 1


async def test_unlogged_appends_are_published_too(parts: StreamParts) -> None:
    stream, run = uuid4(), uuid4()
    sent = frames(3, range(4), run)
    async with parts.hub.subscribe(stream) as subscription:
        await parts.log.append(stream, sent, UNLOGGED)
        assert await receive_frames(subscription, 4) == sent


async def test_refused_frames_are_not_published(parts: StreamParts) -> None:
    stream, run = uuid4(), uuid4()
    batch = frames(2, range(3), run)
    await parts.log.append(stream, batch[:2], KEPT)
    async with parts.hub.subscribe(stream) as subscription:
        await parts.log.append(stream, frames(1, [7, 8], run), KEPT)
        await parts.log.append(stream, batch, KEPT)
        assert await receive_frames(subscription, 1) == batch[2:]


async def test_receiving_nothing_ends_with_the_time_given(parts: StreamParts) -> None:
    async with parts.hub.subscribe(uuid4()) as subscription:
        assert await subscription.receive(0.01) is None
        assert await subscription.receive(0.01) is None


async def test_a_nudge_arrives_once_however_often_it_is_given(parts: StreamParts) -> None:
    stream, run = uuid4(), uuid4()
    async with parts.hub.subscribe(stream) as subscription:
        for _ in range(5):
            await parts.log.nudge(stream)
        await parts.log.append(stream, [frame(1, 0, run)], KEPT)
        received = [await subscription.receive(10)]
        while isinstance(received[-1], str):
            received.append(await subscription.receive(10))
        assert NUDGED in received


async def test_a_reader_that_falls_behind_loses_its_queue_and_is_told(parts: StreamParts) -> None:
    stream, run = uuid4(), uuid4()
    batches = reader_queue.MAX_BATCHES + 10
    async with parts.hub.subscribe(stream) as slow, parts.hub.subscribe(stream) as fast:
        for k in range(batches):
            await parts.log.append(stream, [frame(1, k, run)], KEPT)
            assert len(await receive_frames(fast, 1)) == 1
        assert await _drain(slow) < batches


async def _drain(subscription: Subscription) -> int:
    """Frames still queued behind the word that some are missing."""
    assert await subscription.receive(10) == DIRTY
    received = 0
    while await subscription.receive(0.01) is not None:
        received += 1
    return received


async def test_a_subscription_can_be_left_and_entered_again(parts: StreamParts) -> None:
    stream, run = uuid4(), uuid4()
    async with parts.hub.subscribe(stream):
        await parts.log.append(stream, [frame(1, 0, run)], KEPT)
    await parts.log.append(stream, [frame(1, 1, run)], KEPT)
    async with parts.hub.subscribe(stream) as subscription:
        await parts.log.append(stream, [frame(1, 2, run)], KEPT)
        received = await receive_frames(subscription, 1)
        while received[-1].id.k != 2:  # what was under way may arrive as well
            received += await receive_frames(subscription, 1)
        assert [frame.id.k for frame in received] == list(range(received[0].id.k, 3))
