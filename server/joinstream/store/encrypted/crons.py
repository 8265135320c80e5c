"""Crons with encrypted fields."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import asyncpg
import structlog

from joinstream.domain.access import Filter
from joinstream.domain.assistants import SortDirection
from joinstream.domain.crons import Cron, CronOrder
from joinstream.domain.ids import CronId
from joinstream.encryption.context import CONTEXT_KEY, current_context, encrypting_for
from joinstream.encryption.fields import FieldCipher
from joinstream.encryption.searches import ListedFields, require_searchable
from joinstream.errors import EncryptionFailed
from joinstream.ports.crons import CronFilter, NewCron
from joinstream.store.crons import PostgresCrons, PostgresDueCron, PostgresLockedCron, RunsOn

log = structlog.get_logger(__name__)

_With = TypeVar("_With", Cron, NewCron)


@dataclass(frozen=True, slots=True)
class EncryptedLockedCron(PostgresLockedCron):
    """A locked cron, opened. Its context is its own, unless who changes it has another."""

    fields: FieldCipher
    context: dict[str, Any]

    async def replace(self, cron: Cron) -> Cron:
        with encrypting_for(current_context() or self.context):
            sealed = await _sealed(self.fields, cron)
        return await _opened(self.fields, await PostgresLockedCron.replace(self, sealed))


class EncryptedCrons(PostgresCrons):
    """Crons in Postgres. Each fires in the context of the request that created it."""

    def __init__(self, pool: asyncpg.Pool, runs_on: RunsOn, fields: FieldCipher) -> None:
        super().__init__(pool, runs_on)
        self._fields = fields
        self._listed = ListedFields(fields)

    async def create(self, new: NewCron) -> Cron:
        sealed = await _sealed(self._fields, new)
        caller = await self._fields.seal("cron", "configurable", new.caller)
        return await _opened(self._fields, await super().create(replace(sealed, caller=caller)))

    async def get(self, cron_id: CronId, visible: Filter) -> Cron | None:
        cron = await super().get(cron_id, visible)
        return await _opened(self._fields, cron) if cron else None

    @asynccontextmanager
    async def locked(
        self, cron_id: CronId, visible: Filter
    ) -> AsyncIterator[EncryptedLockedCron | None]:
        async with super().locked(cron_id, visible) as locked:
            if locked is None:
                yield None
                return
            cron = await _opened(self._fields, locked.cron)
            context = _context_of(locked.cron)
            yield EncryptedLockedCron(cron, locked.database, self._fields, context)

    async def search(
        self,
        wanted: CronFilter,
        *,
        limit: int,
        offset: int,
        sort_by: CronOrder,
        sort_order: SortDirection,
    ) -> list[Cron]:
        await require_searchable(self._fields, "cron", "metadata", wanted.metadata)
        found = await super().search(
            wanted, limit=limit, offset=offset, sort_by=sort_by, sort_order=sort_order
        )
        return await asyncio.gather(*(_opened(self._listed, cron) for cron in found))

    async def count(self, wanted: CronFilter) -> int:
        await require_searchable(self._fields, "cron", "metadata", wanted.metadata)
        return await super().count(wanted)

    @asynccontextmanager
    async def next_due(self) -> AsyncIterator[PostgresDueCron | None]:
        async with super().next_due() as due:
            opened = await self._opened_due(due) if due else None
            if due is None or opened is None:
                yield None
                return
            with encrypting_for(_context_of(due.cron)):
                yield opened

    async def _opened_due(self, due: PostgresDueCron) -> PostgresDueCron | None:
        """None when it cannot be opened: then this firing has failed, and others can follow."""
        try:
            cron = await _opened(self._fields, due.cron)
            caller = await self._fields.open("cron", "configurable", due.caller)
            return replace(due, cron=cron, caller=caller)
        except Exception as error:
            log.error("a cron cannot be decrypted", cron_id=due.cron.cron_id, exc_info=error)
            detail = f"{EncryptionFailed.__name__}: {error}"
            await due.settle("failed", due.cron.fires_after(due.now), detail=detail)
            return None


def _context_of(cron: Cron) -> dict[str, Any]:
    """That of a cron as it is stored."""
    return dict(cron.payload.get(CONTEXT_KEY) or {})


async def _sealed(fields: FieldCipher, cron: _With) -> _With:
    payload, metadata = await asyncio.gather(
        fields.seal("cron", "payload", cron.payload), fields.seal("cron", "metadata", cron.metadata)
    )
    if context := current_context():
        payload = {**payload, CONTEXT_KEY: dict(context)}
    return replace(cron, payload=payload, metadata=metadata)


async def _opened(fields: FieldCipher, cron: Cron) -> Cron:
    payload, metadata = await asyncio.gather(
        fields.open("cron", "payload", cron.payload), fields.open("cron", "metadata", cron.metadata)
    )
    payload = {key: value for key, value in payload.items() if key != CONTEXT_KEY}
    return replace(cron, payload=payload, metadata=metadata)
