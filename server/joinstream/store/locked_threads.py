"""Threads in transactions that hold their rows' locks.

Whatever changes a thread together with its runs or checkpoints locks the thread row first.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from joinstream.checkpoint.saver import PostgresSaver
from joinstream.domain.access import Filter
from joinstream.domain.ids import RunId, ThreadId
from joinstream.domain.runs import ACTIVE, ThreadStatus
from joinstream.domain.threads import THREAD_FIELDS, Thread, TtlStrategy
from joinstream.sql import load_queries
from joinstream.store.database import Database, transaction

_QUERIES = load_queries(Path(__file__).parent / "queries" / "threads.sql")

SaverOnConnection = Callable[[asyncpg.Connection], PostgresSaver]
"""Makes a saver whose statements are part of the connection's transaction."""


def thread_query(name: str) -> str:
    """A query of `threads.sql`."""
    text = _QUERIES[name]
    for part in ("columns", "expired"):
        text = text.replace(f"{{{part}}}", _QUERIES[part])
    return text


def thread_of(row: asyncpg.Record) -> Thread:
    return Thread(**{name: row[name] for name in THREAD_FIELDS})


@dataclass(frozen=True, slots=True)
class PostgresLockedThread:
    """A thread in the transaction that holds its lock."""

    thread: Thread
    checkpointer: PostgresSaver
    database: Database

    async def record_state(
        self, values: Any, interrupts: dict[str, Any], status: ThreadStatus
    ) -> int:
        epoch: int = await self.database.fetchval(
            thread_query("record_state"), self.thread.thread_id, values, interrupts, status
        )
        return epoch

    async def delete(self) -> list[RunId]:
        """Delete the thread, its runs and checkpoints; the runs that were active."""
        thread_id = self.thread.thread_id
        runs = await self.database.fetch(thread_query("delete_runs"), thread_id)
        await self.checkpointer.adelete_thread(str(thread_id))
        await self.database.execute(thread_query("delete"), thread_id)
        return [run["run_id"] for run in runs if run["status"] in ACTIVE]

    async def keep_latest(self) -> None:
        """Delete all checkpoints but the latest."""
        await self.keep_newest(1)
        await self.database.execute(thread_query("mark_pruned"), self.thread.thread_id)

    async def keep_newest(self, count: int) -> None:
        """Delete all but the newest checkpoints of the thread and of each of its subgraphs."""
        await self.checkpointer.aprune([str(self.thread.thread_id)], count=count)


class LockedThreads:
    """Locks one thread at a time, each in a transaction of its own.

    Half of the connections are left for what is done meanwhile: a graph's own code may ask this
    server for something, and would wait for ever if all were held by others who wait like it.
    """

    def __init__(self, pool: asyncpg.Pool, saver_on: SaverOnConnection) -> None:
        self._pool = pool
        self._saver_on = saver_on
        self._turns = asyncio.Semaphore(max(1, pool.get_max_size() // 2))

    @asynccontextmanager
    async def one(
        self, thread_id: ThreadId, visible: Filter
    ) -> AsyncIterator[PostgresLockedThread | None]:
        """None when there is no such thread, or it is not visible."""
        async with self._transaction() as (connection, database):
            row = await database.fetchrow(thread_query("lock"), thread_id, visible)
            yield self._locked(connection, database, row) if row else None

    @asynccontextmanager
    async def next_expired(
        self,
    ) -> AsyncIterator[tuple[PostgresLockedThread, TtlStrategy] | None]:
        """A thread that is past its time to live, and what is to become of it."""
        async with self._transaction() as (connection, database):
            row = await database.fetchrow(thread_query("lock_expired"))
            yield (self._locked(connection, database, row), row["ttl_strategy"]) if row else None

    def _locked(
        self, connection: asyncpg.Connection, database: Database, row: asyncpg.Record
    ) -> PostgresLockedThread:
        return PostgresLockedThread(thread_of(row), self._saver_on(connection), database)

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[tuple[asyncpg.Connection, Database]]:
        async with self._turns, transaction(self._pool) as connection:
            yield connection, Database(connection)
