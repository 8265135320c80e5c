"""The stream of a run that has not begun: it tells where the run stands in the queue."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from joinstream.domain.queue_position import QueuePosition
from joinstream.errors import RequestError
from joinstream.streams.join import Heartbeat, StreamItem

PATIENCE_SECONDS = 1.0
"""A run that begins within this time has not waited, and nobody needs to know."""

Look = Callable[[], Awaitable[QueuePosition | None]]
"""Where the run stands; None when it waits no more."""


async def telling_position(
    items: AsyncIterator[StreamItem], look: Look, *, patience: float
) -> AsyncIterator[StreamItem | QueuePosition]:
    """The items; and until the first event, where the run stands: after `patience` seconds, and
    with each later heartbeat when it stands elsewhere."""
    clock = asyncio.get_running_loop().time
    patience_ends = clock() + patience
    told: QueuePosition | None = None
    first = asyncio.ensure_future(anext(items, None))
    try:
        await asyncio.wait({first}, timeout=patience)
        if not first.done() and (told := await _looked(look)):
            yield told
        item = await first
    finally:
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
    while isinstance(item, Heartbeat):
        yield item
        if clock() >= patience_ends:
            position = await _looked(look)
            if position and position != told:
                told = position
                yield told
        item = await anext(items, None)
    if item is not None:
        yield item
    async for item in items:
        yield item


async def _looked(look: Look) -> QueuePosition | None:
    """The stream goes on while Postgres is away."""
    try:
        return await look()
    except RequestError:
        return None
