"""Threads in Postgres: the implementation of ThreadStore."""

from contextlib import AbstractAsyncContextManager
from typing import Any

import asyncpg

from joinstream.domain.access import Filter
from joinstream.domain.ids import AssistantId, RunId, ThreadId
from joinstream.domain.threads import Thread, ThreadFilter, ThreadQuery, ThreadTtl, Ttl
from joinstream.ports.threads import ThreadPage
from joinstream.store.database import Database
from joinstream.store.locked_threads import (
    LockedThreads,
    PostgresLockedThread,
    SaverOnConnection,
    thread_of,
    thread_query,
)
from joinstream.store.thread_search import ThreadSearch


class PostgresThreads:
    """Threads over a pool. `default_ttl` is for those that are made without one."""

    def __init__(
        self, pool: asyncpg.Pool, saver_on: SaverOnConnection, default_ttl: Ttl | None = None
    ) -> None:
        self._database = Database(pool)
        self._search = ThreadSearch(self._database)
        self._locked = LockedThreads(pool, saver_on)
        self._default_ttl = default_ttl

    async def create(
        self, thread_id: ThreadId, metadata: dict[str, Any], ttl: Ttl | None
    ) -> Thread | None:
        return await self._one(
            "create", thread_id, metadata, *ttl_columns(ttl or self._default_ttl)
        )

    async def get(self, thread_id: ThreadId, visible: Filter) -> Thread | None:
        return await self._one("get", thread_id, visible)

    async def ttl(self, thread_id: ThreadId) -> ThreadTtl | None:
        row = await self._database.fetchrow(thread_query("ttl"), thread_id)
        return ThreadTtl(*row) if row else None

    async def search(self, query: ThreadQuery) -> ThreadPage:
        return await self._search.page(query)

    async def count(self, wanted: ThreadFilter) -> int:
        return await self._search.count(wanted)

    async def patch(
        self, thread_id: ThreadId, metadata: dict[str, Any], ttl: Ttl | None, visible: Filter
    ) -> Thread | None:
        return await self._one("patch", thread_id, metadata, *ttl_columns(ttl), visible)

    async def copy(
        self, source: ThreadId, target: ThreadId, metadata: dict[str, Any], visible: Filter
    ) -> Thread | None:
        async with self._locked.one(source, visible) as locked:
            if locked is None:
                return None
            row = await locked.database.fetchrow(thread_query("copy"), source, target, metadata)
            await locked.checkpointer.acopy_thread(str(source), str(target))
            return thread_of(row)

    async def delete(self, thread_id: ThreadId, visible: Filter) -> list[RunId] | None:
        async with self._locked.one(thread_id, visible) as locked:
            if locked is None:
                return None
            return await locked.delete()

    async def prune_checkpoints(self, thread_id: ThreadId, visible: Filter) -> bool:
        async with self._locked.one(thread_id, visible) as locked:
            if locked is None or locked.thread.status == "busy":
                return False
            await locked.keep_latest()
            return True

    async def of_assistant(self, assistant_id: AssistantId) -> list[ThreadId]:
        rows = await self._database.fetch(thread_query("of_assistant"), assistant_id)
        return [row["thread_id"] for row in rows]

    def locked(
        self, thread_id: ThreadId, visible: Filter
    ) -> AbstractAsyncContextManager[PostgresLockedThread | None]:
        return self._locked.one(thread_id, visible)

    async def _one(self, query: str, *arguments: Any) -> Thread | None:
        row = await self._database.fetchrow(thread_query(query), *arguments)
        return thread_of(row) if row else None


def ttl_columns(ttl: Ttl | None) -> tuple[str | None, float | None]:
    """Strategy and minutes, as the columns hold them."""
    return (ttl.strategy, ttl.ttl) if ttl else (None, None)
