"""Threads with encrypted fields."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import asyncpg

from joinstream.domain.access import Filter
from joinstream.domain.extract import picked
from joinstream.domain.ids import ThreadId
from joinstream.domain.runs import ThreadStatus
from joinstream.domain.threads import THREAD_FIELDS, Thread, ThreadFilter, ThreadQuery, Ttl
from joinstream.encryption.fields import FieldCipher
from joinstream.encryption.searches import ListedFields, require_searchable
from joinstream.ports.threads import ThreadPage
from joinstream.store.locked_threads import PostgresLockedThread, SaverOnConnection
from joinstream.store.threads import PostgresThreads

_ENCRYPTED = ("metadata", "config", "values", "interrupts", "error")


@dataclass(frozen=True, slots=True)
class EncryptedLockedThread(PostgresLockedThread):
    """A locked thread, opened."""

    fields: FieldCipher

    async def record_state(
        self, values: Any, interrupts: dict[str, Any], status: ThreadStatus
    ) -> int:
        sealed = await asyncio.gather(
            self.fields.seal("thread", "values", values),
            self.fields.seal("thread", "interrupts", interrupts),
        )
        return await PostgresLockedThread.record_state(self, *sealed, status)


class EncryptedThreads(PostgresThreads):
    """Threads over a pool."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        saver_on: SaverOnConnection,
        default_ttl: Ttl | None,
        fields: FieldCipher,
    ) -> None:
        super().__init__(pool, saver_on, default_ttl)
        self._fields = fields
        self._listed = ListedFields(fields)

    async def create(
        self, thread_id: ThreadId, metadata: dict[str, Any], ttl: Ttl | None
    ) -> Thread | None:
        return await super().create(thread_id, await self._sealed(metadata), ttl)

    async def patch(
        self, thread_id: ThreadId, metadata: dict[str, Any], ttl: Ttl | None, visible: Filter
    ) -> Thread | None:
        return await super().patch(thread_id, await self._sealed(metadata), ttl, visible)

    async def copy(
        self, source: ThreadId, target: ThreadId, metadata: dict[str, Any], visible: Filter
    ) -> Thread | None:
        copied = await super().copy(source, target, await self._sealed(metadata), visible)
        return await opened_thread(self._fields, copied) if copied else None

    async def search(self, query: ThreadQuery) -> ThreadPage:
        """What is extracted is extracted here: Postgres cannot look into what is encrypted."""
        await self._require_searchable(query.filter)
        wanted = query.select or list(THREAD_FIELDS)
        roots = [extract.root for extract in query.extract]
        read = replace(query, select=list(dict.fromkeys([*wanted, *roots])), extract=[])
        page = await super().search(read)
        opened = await asyncio.gather(*(self._opened_row(row) for row in page.threads))
        return page._replace(threads=[_shown(row, wanted, query) for row in opened])

    async def count(self, wanted: ThreadFilter) -> int:
        await self._require_searchable(wanted)
        return await super().count(wanted)

    @asynccontextmanager
    async def locked(
        self, thread_id: ThreadId, visible: Filter
    ) -> AsyncIterator[EncryptedLockedThread | None]:
        async with self._locked.one(thread_id, visible) as locked:
            if locked is None:
                yield None
                return
            thread = await opened_thread(self._fields, locked.thread)
            yield EncryptedLockedThread(thread, locked.checkpointer, locked.database, self._fields)

    async def _one(self, query: str, *arguments: Any) -> Thread | None:
        thread = await super()._one(query, *arguments)
        return await opened_thread(self._fields, thread) if thread else None

    async def _sealed(self, metadata: dict[str, Any]) -> dict[str, Any]:
        sealed: dict[str, Any] = await self._fields.seal("thread", "metadata", metadata)
        return sealed

    async def _require_searchable(self, wanted: ThreadFilter) -> None:
        await require_searchable(self._fields, "thread", "metadata", wanted.metadata)
        await require_searchable(self._fields, "thread", "values", wanted.values)

    async def _opened_row(self, row: dict[str, Any]) -> dict[str, Any]:
        names = [name for name in _ENCRYPTED if name in row]
        opened = await asyncio.gather(
            *(self._listed.open("thread", name, row[name]) for name in names)
        )
        return {**row, **dict(zip(names, opened, strict=True))}


async def opened_thread(fields: FieldCipher, thread: Thread) -> Thread:
    """Raises EncryptionFailed."""
    opened = await asyncio.gather(
        *(fields.open("thread", name, getattr(thread, name)) for name in _ENCRYPTED)
    )
    return replace(thread, **dict(zip(_ENCRYPTED, opened, strict=True)))


def _shown(row: dict[str, Any], wanted: list[Any], query: ThreadQuery) -> dict[str, Any]:
    shown = {name: row[name] for name in wanted}
    if query.extract:
        shown["extracted"] = {each.alias: picked(each, row[each.root]) for each in query.extract}
    return shown
