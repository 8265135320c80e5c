"""Threads in Postgres: the implementation of ThreadStore.

Whatever changes a thread together with its runs or checkpoints locks the thread row first.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
from langgraph.checkpoint.base import BaseCheckpointSaver

from joinstream.domain.ids import AssistantId, RunId, ThreadId
from joinstream.domain.runs import ACTIVE, ThreadStatus
from joinstream.domain.threads import (
    THREAD_FIELDS,
    Thread,
    ThreadFilter,
    ThreadQuery,
    ThreadTtl,
    Ttl,
)
from joinstream.ports.threads import ThreadPage
from joinstream.sql import load_queries
from joinstream.store.database import Database
from joinstream.store.thread_search import count_threads, search_threads

_QUERIES = load_queries(Path(__file__).parent / "queries" / "threads.sql")

SaverOnConnection = Callable[[asyncpg.Connection], BaseCheckpointSaver[Any]]
"""Makes a saver whose statements are part of the connection's transaction."""


def _query(name: str) -> str:
    return _QUERIES[name].replace("{columns}", _QUERIES["columns"])


@dataclass(frozen=True, slots=True)
class _Locked:
    """A thread in the transaction that holds its lock."""

    thread: Thread
    checkpointer: BaseCheckpointSaver[Any]
    database: Database

    async def record_state(
        self, values: Any, interrupts: dict[str, Any], status: ThreadStatus
    ) -> None:
        await self.database.execute(
            _query("record_state"), self.thread.thread_id, values, interrupts, status
        )

    async def delete(self) -> list[RunId]:
        """Delete the thread, its runs and checkpoints; the runs that were active."""
        thread_id = self.thread.thread_id
        runs = await self.database.fetch(_query("delete_runs"), thread_id)
        await self.checkpointer.adelete_thread(str(thread_id))
        await self.database.execute(_query("delete"), thread_id)
        return [run["run_id"] for run in runs if run["status"] in ACTIVE]

    async def keep_latest(self) -> None:
        """Delete all checkpoints but the latest."""
        await self.checkpointer.aprune([str(self.thread.thread_id)], strategy="keep_latest")
        await self.database.execute(_query("mark_pruned"), self.thread.thread_id)


class PostgresThreads:
    """Threads over a pool."""

    def __init__(self, pool: asyncpg.Pool, saver_on: SaverOnConnection) -> None:
        self._pool = pool
        self._database = Database(pool)
        self._saver_on = saver_on

    async def create(
        self, thread_id: ThreadId, metadata: dict[str, Any], ttl: Ttl | None
    ) -> Thread | None:
        return await self._one("create", thread_id, metadata, *_ttl_columns(ttl))

    async def get(self, thread_id: ThreadId) -> Thread | None:
        return await self._one("get", thread_id)

    async def ttl(self, thread_id: ThreadId) -> ThreadTtl | None:
        row = await self._database.fetchrow(_query("ttl"), thread_id)
        return ThreadTtl(*row) if row else None

    async def search(self, query: ThreadQuery) -> ThreadPage:
        return await search_threads(self._database, query)

    async def count(self, wanted: ThreadFilter) -> int:
        return await count_threads(self._database, wanted)

    async def patch(
        self, thread_id: ThreadId, metadata: dict[str, Any], ttl: Ttl | None
    ) -> Thread | None:
        return await self._one("patch", thread_id, metadata, *_ttl_columns(ttl))

    async def copy(self, source: ThreadId, target: ThreadId) -> Thread | None:
        async with self.locked(source) as locked:
            if locked is None:
                return None
            row = await locked.database.fetchrow(_query("copy"), source, target)
            await locked.checkpointer.acopy_thread(str(source), str(target))
            return _thread(row)

    async def delete(self, thread_id: ThreadId) -> list[RunId] | None:
        async with self.locked(thread_id) as locked:
            if locked is None:
                return None
            return await locked.delete()

    async def prune_checkpoints(self, thread_id: ThreadId) -> bool:
        async with self.locked(thread_id) as locked:
            if locked is None or locked.thread.status == "busy":
                return False
            await locked.keep_latest()
            return True

    async def sweep_expired(self, limit: int) -> int:
        swept = 0
        while swept < limit and await self._sweep_one():
            swept += 1
        return swept

    async def _sweep_one(self) -> bool:
        async with self._transaction() as (connection, database):
            row = await database.fetchrow(_query("lock_expired"))
            if row is None:
                return False
            locked = _Locked(_thread(row), self._saver_on(connection), database)
            await (locked.delete() if row["ttl_strategy"] == "delete" else locked.keep_latest())
            return True

    async def of_assistant(self, assistant_id: AssistantId) -> list[ThreadId]:
        rows = await self._database.fetch(_query("of_assistant"), assistant_id)
        return [row["thread_id"] for row in rows]

    @asynccontextmanager
    async def locked(self, thread_id: ThreadId) -> AsyncIterator[_Locked | None]:
        async with self._transaction() as (connection, database):
            row = await database.fetchrow(_query("lock"), thread_id)
            yield _Locked(_thread(row), self._saver_on(connection), database) if row else None

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[tuple[asyncpg.Connection, Database]]:
        async with self._pool.acquire() as connection, connection.transaction():
            yield connection, Database(connection)

    async def _one(self, query: str, *arguments: Any) -> Thread | None:
        row = await self._database.fetchrow(_query(query), *arguments)
        return _thread(row) if row else None


def _thread(row: asyncpg.Record) -> Thread:
    return Thread(**{name: row[name] for name in THREAD_FIELDS})


def _ttl_columns(ttl: Ttl | None) -> tuple[str | None, float | None]:
    return (ttl.strategy, ttl.ttl) if ttl else (None, None)
