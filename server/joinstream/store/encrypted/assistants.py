"""Assistants with encrypted fields."""

import asyncio
from dataclasses import replace
from typing import Any, TypeVar

from joinstream.domain.access import Filter
from joinstream.domain.assistants import Assistant, AssistantOrder, AssistantVersion, SortDirection
from joinstream.domain.ids import AssistantId
from joinstream.encryption.fields import FieldCipher
from joinstream.encryption.searches import ListedFields, require_searchable
from joinstream.ports.assistants import AssistantChange, AssistantFilter, NewAssistant
from joinstream.store.assistants import PostgresAssistants
from joinstream.store.database import Database

_ENCRYPTED = ("config", "context", "metadata")
_With = TypeVar("_With", Assistant, AssistantVersion, NewAssistant, AssistantChange)


class EncryptedAssistants(PostgresAssistants):
    """Assistants in Postgres."""

    def __init__(self, database: Database, fields: FieldCipher) -> None:
        super().__init__(database)
        self._fields = fields
        self._listed = ListedFields(fields)

    async def create(self, new: NewAssistant) -> Assistant | None:
        return await super().create(await self._sealed(new))

    async def search(
        self,
        wanted: AssistantFilter,
        *,
        limit: int,
        offset: int,
        sort_by: AssistantOrder,
        sort_order: SortDirection,
    ) -> list[Assistant]:
        await require_searchable(self._fields, "assistant", "metadata", wanted.metadata)
        found = await super().search(
            wanted, limit=limit, offset=offset, sort_by=sort_by, sort_order=sort_order
        )
        return await asyncio.gather(*(_opened(self._listed, each) for each in found))

    async def count(self, wanted: AssistantFilter) -> int:
        await require_searchable(self._fields, "assistant", "metadata", wanted.metadata)
        return await super().count(wanted)

    async def add_version(
        self, assistant_id: AssistantId, change: AssistantChange, visible: Filter
    ) -> Assistant | None:
        return await super().add_version(assistant_id, await self._sealed(change), visible)

    async def versions(
        self,
        assistant_id: AssistantId,
        metadata: dict[str, Any],
        *,
        limit: int,
        offset: int,
        visible: Filter,
    ) -> list[AssistantVersion]:
        await require_searchable(self._fields, "assistant", "metadata", metadata)
        found = await super().versions(
            assistant_id, metadata, limit=limit, offset=offset, visible=visible
        )
        return await asyncio.gather(*(_opened(self._listed, each) for each in found))

    async def _one(self, query: str, *arguments: Any) -> Assistant | None:
        assistant = await super()._one(query, *arguments)
        return await _opened(self._fields, assistant) if assistant else None

    async def _sealed(self, given: _With) -> _With:
        sealed = await asyncio.gather(
            *(self._fields.seal("assistant", name, getattr(given, name)) for name in _ENCRYPTED)
        )
        return replace(given, **dict(zip(_ENCRYPTED, sealed, strict=True)))


async def _opened(fields: FieldCipher, stored: _With) -> _With:
    opened = await asyncio.gather(
        *(fields.open("assistant", name, getattr(stored, name)) for name in _ENCRYPTED)
    )
    return replace(stored, **dict(zip(_ENCRYPTED, opened, strict=True)))
