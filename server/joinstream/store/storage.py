"""What everything in the database takes, and what the next sweep would remove."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal
from uuid import UUID

import asyncpg

from joinstream.sql import load_queries
from joinstream.store.locked_threads import thread_query

_QUERIES = load_queries(Path(__file__).parent / "queries" / "storage.sql")
_PATIENCE_SECONDS = 3600.0
"""Somebody waits for it, and large tables take their time."""


_TABLES = {
    "threads": "threads",
    "runs": "runs",
    "checkpoints": "checkpoints",
    "channel values": "checkpoint_parts",
    "pending writes": "checkpoint_writes",
    "items of the store": "store",
    "vectors of the store": "store_vectors",
    "crons": "crons",
    "firings of crons": "cron_firings",
    "webhooks": "webhook_deliveries",
}


@dataclass(frozen=True, slots=True)
class TableSize:
    """`bytes` on disk, with indexes."""

    what: str
    rows: int
    bytes: int


@dataclass(frozen=True, slots=True)
class ThreadSize:
    """`bytes` as serialised, before compression. No status: a thread that a graph made itself."""

    thread_id: UUID
    status: str | None
    updated_at: datetime | None
    checkpoints: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Due:
    """Threads that a sweep would touch, and the least number of checkpoints it would remove."""

    action: Literal["delete", "keep_latest", "thin_out"]
    threads: int
    checkpoints: int


class StorageReport:
    """Reads whole tables: not for a busy moment."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def tables(self) -> list[TableSize]:
        """Of the tables that are there: those for items and vectors need not be."""
        sizes = []
        for what, table in _TABLES.items():
            if await self._pool.fetchval(_QUERIES["exists"], table):
                (row,) = await self._fetch(_QUERIES["table"].replace("{table}", table))
                sizes.append(TableSize(what, *row))
        return sizes

    async def biggest_threads(self, count: int) -> list[ThreadSize]:
        return [ThreadSize(*row) for row in await self._fetch(_QUERIES["biggest"], count)]

    async def due(self, keep_checkpoints: int | None) -> list[Due]:
        query = _QUERIES["due"].replace("{expired}", thread_query("expired"))
        return [Due(*row) for row in await self._fetch(query, keep_checkpoints)]

    async def _fetch(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        rows: list[asyncpg.Record] = await self._pool.fetch(
            query, *arguments, timeout=_PATIENCE_SECONDS
        )
        return rows
