"""Sends what is to be stored in as few statements as possible, in order.

A superstep ends with its last task's writes and the next checkpoint within microseconds: together
they are one statement and one round trip. Whatever comes while a statement is under way waits for
it, so no more than one is ever under way, and nothing is sent out of order.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from joinstream.checkpoint.entries import CheckpointEntry, WritesEntry

_TICKS = 4
"""Passes of the event loop from a task's last write to the checkpoint that follows."""

_Waiting = tuple[WritesEntry | CheckpointEntry, asyncio.Future[None]]


class Batch(NamedTuple):
    """What one statement stores: writes, and at most one checkpoint."""

    writes: list[WritesEntry]
    checkpoint: CheckpointEntry | None


class Outbox:
    """Collects entries into batches for `send`, whose error every member of a batch gets."""

    def __init__(self, send: Callable[[Batch], Awaitable[None]]) -> None:
        self._send = send
        self._waiting: deque[_Waiting] = deque()
        self._sender: asyncio.Task[None] | None = None

    async def store(self, entry: WritesEntry | CheckpointEntry) -> None:
        """Return once it is stored. Cancelling takes it back, unless it is on its way already."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((entry, done))
        if self._sender is None:
            self._sender = asyncio.create_task(self._send_all())
        await done

    async def _send_all(self) -> None:
        try:
            while self._waiting:
                await self._wait_for_the_end_of_a_superstep()
                await self._send_next()
        finally:
            self._sender = None

    async def _wait_for_the_end_of_a_superstep(self) -> None:
        """Give the checkpoint that follows these writes a moment to come."""
        for _ in range(_TICKS):
            if any(isinstance(entry, CheckpointEntry) for entry, _ in self._waiting):
                return
            await asyncio.sleep(0)

    async def _send_next(self) -> None:
        batch, waiters = self._take()
        if not waiters:
            return
        try:
            await self._send(batch)
        except BaseException as error:
            for done in waiters:
                if not done.done():
                    done.set_exception(error)
            if not isinstance(error, Exception):
                raise
        else:
            for done in waiters:
                if not done.done():
                    done.set_result(None)

    def _take(self) -> tuple[Batch, list[asyncio.Future[None]]]:
        """The first checkpoint that waits and the writes before it, or all writes.

        Writes of the superstep that this checkpoint begins are left for the batch that ends it.
        """
        checkpoints = (
            entry
            for entry, done in self._waiting
            if isinstance(entry, CheckpointEntry) and not done.cancelled()
        )
        checkpoint = next(checkpoints, None)
        batch = Batch([], checkpoint)
        waiters: list[asyncio.Future[None]] = []
        left: deque[_Waiting] = deque()
        while self._waiting:
            entry, done = self._waiting.popleft()
            if done.cancelled():
                continue
            if isinstance(entry, WritesEntry):
                if checkpoint is not None and entry.place == checkpoint.place:
                    left.append((entry, done))
                    continue
                batch.writes.append(entry)
            waiters.append(done)
            if entry is checkpoint:
                break
        self._waiting.extendleft(reversed(left))
        return batch, waiters
