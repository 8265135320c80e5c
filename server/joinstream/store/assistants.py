"""Assistants in Postgres: the implementation of AssistantStore."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import asyncpg
import structlog

from joinstream.domain.access import Filter
from joinstream.domain.assistants import (
    ASSISTANT_FIELDS,
    SYSTEM_METADATA,
    Assistant,
    AssistantOrder,
    AssistantVersion,
    SortDirection,
)
from joinstream.domain.ids import AssistantId
from joinstream.ports.assistants import AssistantChange, AssistantFilter, NewAssistant
from joinstream.sql import load_queries
from joinstream.store.database import Database

_QUERIES = load_queries(Path(__file__).parent / "queries" / "assistants.sql")
log = structlog.get_logger(__name__)

_VERSION_FIELDS = tuple(AssistantVersion.__dataclass_fields__)


def _matching(query: str) -> str:
    return _QUERIES[query].replace("{matching}", _QUERIES["matching"])


class PostgresAssistants:
    """Assistants in Postgres."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put_system(self, assistants: Sequence[NewAssistant]) -> None:
        ids = [assistant.assistant_id for assistant in assistants]
        graph_ids = [assistant.graph_id for assistant in assistants]
        for usurper in await self._database.fetch(_QUERIES["delete_usurpers"], ids, graph_ids):
            log.warning("assistant deleted: it had the id of a graph's own", **dict(usurper))
        await self._database.execute(
            _QUERIES["put_system"],
            ids,
            graph_ids,
            [assistant.name for assistant in assistants],
            [assistant.description for assistant in assistants],
            SYSTEM_METADATA,
        )

    async def create(self, new: NewAssistant) -> Assistant | None:
        return await self._one(
            "create",
            new.assistant_id,
            new.graph_id,
            new.name,
            new.description,
            new.config,
            new.context,
            new.metadata,
        )

    async def get(self, assistant_id: AssistantId, visible: Filter) -> Assistant | None:
        return await self._one("get", assistant_id, visible)

    async def search(
        self,
        wanted: AssistantFilter,
        *,
        limit: int,
        offset: int,
        sort_by: AssistantOrder,
        sort_order: SortDirection,
    ) -> list[Assistant]:
        order = f"{sort_by} {sort_order}, assistant_id {sort_order}"
        rows = await self._database.fetch(
            _matching("search").replace("{order}", order),
            wanted.graph_id,
            wanted.name,
            wanted.metadata,
            wanted.visible,
            limit,
            offset,
        )
        return [_assistant(row) for row in rows]

    async def count(self, wanted: AssistantFilter) -> int:
        count: int = await self._database.fetchval(
            _matching("count"), wanted.graph_id, wanted.name, wanted.metadata, wanted.visible
        )
        return count

    async def add_version(
        self, assistant_id: AssistantId, change: AssistantChange, visible: Filter
    ) -> Assistant | None:
        return await self._one(
            "add_version",
            assistant_id,
            change.graph_id,
            change.name,
            change.description,
            change.config,
            change.context,
            change.metadata,
            visible,
        )

    async def versions(
        self,
        assistant_id: AssistantId,
        metadata: dict[str, Any],
        *,
        limit: int,
        offset: int,
        visible: Filter,
    ) -> list[AssistantVersion]:
        rows = await self._database.fetch(
            _QUERIES["versions"], assistant_id, metadata, limit, offset, visible
        )
        return [AssistantVersion(**{name: row[name] for name in _VERSION_FIELDS}) for row in rows]

    async def set_latest(
        self, assistant_id: AssistantId, version: int, visible: Filter
    ) -> Assistant | None:
        return await self._one("set_latest", assistant_id, version, visible)

    async def delete(self, assistant_id: AssistantId, visible: Filter) -> bool:
        deleted = await self._database.fetchval(_QUERIES["delete"], assistant_id, visible)
        return deleted is not None

    async def _one(self, query: str, *arguments: Any) -> Assistant | None:
        row = await self._database.fetchrow(_QUERIES[query], *arguments)
        return _assistant(row) if row else None


def _assistant(row: asyncpg.Record) -> Assistant:
    return Assistant(**{name: row[name] for name in ASSISTANT_FIELDS})
