"""What every Signals promises."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from uuid import uuid4

from tests.support.streams import StreamParts

from joinstream.ports import Signal

WAKE = Signal("wake", None)


@asynccontextmanager
async def listening(parts: StreamParts) -> AsyncIterator[AsyncIterator[Signal]]:
    """A listener that has had its first wake, so that it misses nothing from here on."""
    async with aclosing(parts.signals.listen()) as signals:  # type: ignore[type-var]  # a generator
        assert await anext(signals) == WAKE
        yield signals


async def test_listening_starts_with_a_wake(parts: StreamParts) -> None:
    async with listening(parts):
        pass


async def test_every_listener_hears_of_every_signal(parts: StreamParts) -> None:
    run = uuid4()
    async with listening(parts) as one, listening(parts) as other:
        await parts.signals.nudge_cancel(run)
        await parts.signals.wake_workers()
        for signals in (one, other):
            assert {await anext(signals), await anext(signals)} == {WAKE, Signal("cancel", run)}


async def test_a_signal_wakes_a_listener_that_already_waits(parts: StreamParts) -> None:
    async with listening(parts) as signals:
        waiting = asyncio.ensure_future(anext(signals))
        await parts.signals.wake_workers()
        assert await waiting == WAKE


async def test_one_can_listen_again_after_having_left(parts: StreamParts) -> None:
    for _ in range(3):
        async with listening(parts) as signals:
            await parts.signals.wake_workers()
            assert await anext(signals) == WAKE
