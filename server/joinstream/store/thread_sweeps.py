"""Sweeps over threads in Postgres: the implementation of ThreadSweeps.

Each thread is swept in a transaction of its own, so that no lock is held for long.
"""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import asyncpg

from joinstream.domain.ids import ThreadId
from joinstream.store.database import Database
from joinstream.store.locked_threads import LockedThreads, SaverOnConnection, thread_query

_LOOKED_AT_TOGETHER = 1000
_LONGEST_TRANSACTION = timedelta(minutes=1)
"""A thread's `updated_at` is when a transaction began: others see it up to this much later."""


class _Position(NamedTuple):
    """A place in the order in which threads were last used."""

    updated_at: datetime
    thread_id: UUID


def _start_of(moment: datetime) -> _Position:
    return _Position(moment, UUID(int=0))


class PostgresThreadSweeps:
    """Sweeps over a pool. Remembers how far it has looked for old checkpoints."""

    def __init__(self, pool: asyncpg.Pool, saver_on: SaverOnConnection) -> None:
        self._database = Database(pool)
        self._locked = LockedThreads(pool, saver_on)
        self._looked_at = _start_of(datetime.fromtimestamp(0, UTC))

    async def end_expired(self, limit: int) -> int:
        ended = 0
        while ended < limit and await self._end_one():
            ended += 1
        return ended

    async def _end_one(self) -> bool:
        async with self._locked.next_expired() as expired:
            if expired is None:
                return False
            thread, strategy = expired
            await (thread.delete() if strategy == "delete" else thread.keep_latest())
            return True

    async def thin_out(self, keep: int, limit: int) -> int:
        thinned = 0
        while rows := await self._used_next(keep):
            for row in rows:
                if thinned == limit:
                    return thinned
                if row["overfull"]:
                    thinned += await self._thin_out_one(row["thread_id"], keep)
                self._looked_at = _Position(row["updated_at"], row["thread_id"])
        self._looked_at = _start_of(self._looked_at.updated_at - _LONGEST_TRANSACTION)
        return thinned

    async def _used_next(self, keep: int) -> list[asyncpg.Record]:
        return await self._database.fetch(
            thread_query("used_after"), *self._looked_at, _LOOKED_AT_TOGETHER, keep
        )

    async def _thin_out_one(self, thread_id: ThreadId, keep: int) -> bool:
        async with self._locked.one(thread_id, None) as locked:
            if locked is None or locked.thread.status == "busy":
                return False
            await locked.keep_newest(keep)
            return True
