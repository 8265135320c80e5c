"""A reader's queue: bounded, and exact about time although it saves on timers."""

import asyncio
from uuid import uuid4

import uvloop

from joinstream.domain.events import FrameBatch
from joinstream.ports import DIRTY, NUDGED
from joinstream.streams.reader_queue import MAX_BYTES, ReaderQueue
from tests.support.streams import frame

RUN = uuid4()


def batch(k: int, size: int = 0) -> FrameBatch:
    return FrameBatch.of([frame(1, k, RUN, size=size)])


async def test_a_shorter_wait_after_a_longer_one_ends_in_its_own_time() -> None:
    queue = ReaderQueue()
    waiting = asyncio.create_task(queue.receive(1_000))
    await asyncio.sleep(0)
    queue.put(batch(0))
    assert await waiting is not None
    assert await queue.receive(0.01) is None


async def test_a_longer_wait_is_not_cut_short_by_the_timer_of_a_shorter_one() -> None:
    queue = ReaderQueue()
    loop = asyncio.get_running_loop()
    waiting = asyncio.create_task(queue.receive(0.01))
    await asyncio.sleep(0)
    queue.put(batch(0))
    await waiting
    begun = loop.time()
    assert await queue.receive(0.05) is None
    assert loop.time() - begun >= 0.05


def test_a_wait_of_less_than_a_millisecond_does_not_hurt_the_next_one() -> None:
    """On the loop that servers use, whose handles of such waits are others."""

    async def receive_two(queue: ReaderQueue) -> list[object]:
        return [await queue.receive(0.0004), await queue.receive(1_000)]

    async def wait_often() -> None:
        for _ in range(100):
            queue = ReaderQueue()
            waiting = asyncio.create_task(receive_two(queue))
            await asyncio.sleep(0)
            queue.put(batch(0))
            await asyncio.sleep(0.001)
            queue.put(batch(1))
            assert await waiting == [batch(0), batch(1)]

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(wait_often())


async def test_a_cancelled_wait_loses_nothing() -> None:
    queue = ReaderQueue()
    waiting = asyncio.create_task(queue.receive(1_000))
    await asyncio.sleep(0)
    queue.put(batch(0))
    waiting.cancel()
    await asyncio.wait([waiting])
    assert await queue.receive(1_000) == batch(0)


async def test_too_many_bytes_cost_the_queue_but_not_the_word_of_it() -> None:
    queue = ReaderQueue()
    for k in range(3):
        queue.put(batch(k, size=MAX_BYTES // 3))
    assert queue.overflows == 1
    queue.put(batch(9))
    assert await queue.receive(0) == DIRTY
    assert await queue.receive(0) == batch(9)


async def test_a_single_batch_may_be_larger_than_the_bound() -> None:
    queue = ReaderQueue()
    huge = batch(0, size=2 * MAX_BYTES)
    queue.put(huge)
    assert await queue.receive(0) == huge
    queue.put(batch(1))
    assert await queue.receive(0) == batch(1)


async def test_being_dirty_keeps_its_place_between_what_came_before_and_after() -> None:
    queue = ReaderQueue()
    queue.put(batch(0))
    queue.mark_dirty()
    queue.mark_dirty()
    queue.put(batch(1))
    received = [await queue.receive(0) for _ in range(4)]
    assert received == [batch(0), DIRTY, batch(1), None]


async def test_nudges_that_wait_together_are_one() -> None:
    queue = ReaderQueue()
    queue.nudge()
    queue.put(batch(0))
    queue.nudge()
    assert [await queue.receive(0) for _ in range(3)] == [NUDGED, batch(0), None]


async def test_a_closed_queue_leaves_no_timer_behind() -> None:
    queue = ReaderQueue()
    waiting = asyncio.create_task(queue.receive(1_000))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    queue.close()
    queue.put(batch(0))
    assert await queue.receive(0) == batch(0)
