"""One reader's bounded queue. It lives in one event loop; nothing ever waits for its reader."""

import asyncio
from collections import deque
from typing import Literal

from joinstream.domain.events import FrameBatch
from joinstream.observe import metrics
from joinstream.ports import DIRTY, NUDGED

Item = FrameBatch | Literal["dirty"] | Literal["nudged"]

MAX_BATCHES = 1024
MAX_BYTES = 4 * 1024 * 1024


class ReaderQueue:
    """A `Subscription`. A reader that falls too far behind loses its queue and reads the log.

    Waking a reader is the hot path of the whole server, so a wait costs one future; the timer
    outlives single waits and is only set anew when it comes due too early.
    """

    __slots__ = (
        "_bytes",
        "_deadline",
        "_items",
        "_loop",
        "_timer",
        "_timer_at",
        "_waiter",
        "overflows",
    )

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._items: deque[Item] = deque()
        self._bytes = 0
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.Handle | None = None
        # kept here, for uvloop's handle of a time that has come does not tell it
        self._timer_at = 0.0
        self._deadline = 0.0
        self.overflows = 0

    @property
    def waiting(self) -> int:
        return len(self._items)

    def put(self, batch: FrameBatch) -> None:
        if len(self._items) >= MAX_BATCHES or (
            self._bytes + batch.size > MAX_BYTES and self._items
        ):
            self._overflow()
            return
        self._items.append(batch)
        self._bytes += batch.size
        self._wake()

    def mark_dirty(self) -> None:
        """Say that something may be missing between what is queued and what comes next."""
        if not self._items or self._items[-1] != DIRTY:
            self._items.append(DIRTY)
        self._wake()

    def nudge(self) -> None:
        if NUDGED not in self._items:
            self._items.append(NUDGED)
        self._wake()

    async def receive(self, timeout: float) -> Item | None:
        items = self._items
        if not items:
            await self._wait(timeout)
            if not items:
                return None
        item = items.popleft()
        if isinstance(item, FrameBatch):
            self._bytes -= item.size
        return item

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _overflow(self) -> None:
        self._items.clear()
        self._bytes = 0
        self.overflows += 1
        metrics.STREAM_OVERFLOWS.inc()
        self.mark_dirty()

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    async def _wait(self, timeout: float) -> None:
        self._deadline = self._loop.time() + timeout
        if self._timer is None or self._timer_at > self._deadline:
            self._set_timer()
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._deadline, self._on_timer)
        self._timer_at = self._deadline

    def _on_timer(self) -> None:
        self._timer = None
        if self._waiter is None:
            return
        if self._loop.time() < self._deadline:
            self._set_timer()
        else:
            self._wake()
