"""Crons in Postgres: the implementation of CronStore."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import asyncpg

from joinstream.domain.access import Filter
from joinstream.domain.assistants import SortDirection
from joinstream.domain.crons import CRON_FIELDS, Cron, CronFiring, CronOrder, FiringOutcome
from joinstream.domain.ids import CronId
from joinstream.domain.run_record import NewRun
from joinstream.ports.crons import CronFilter, NewCron
from joinstream.ports.runs import Created
from joinstream.sql import load_queries
from joinstream.store.database import Database, transaction
from joinstream.store.key_order import in_key_order, with_key_order
from joinstream.store.runs import PostgresRuns

_QUERIES = load_queries(Path(__file__).parent / "queries" / "crons.sql")

RunsOn = Callable[[Database], PostgresRuns]
"""Makes a run store whose statements are part of the database's transaction."""


def _matching(query: str) -> str:
    return _QUERIES[query].replace("{matching}", _QUERIES["matching"])


def _cron(row: asyncpg.Record) -> Cron:
    stored = {name: row[name] for name in CRON_FIELDS}
    return Cron(**{**stored, "payload": in_key_order(row["payload"])})


def _criteria(wanted: CronFilter) -> tuple[Any, ...]:
    return (
        wanted.assistant_id,
        wanted.thread_id,
        wanted.enabled,
        wanted.metadata,
        wanted.visible,
    )


@dataclass(frozen=True, slots=True)
class PostgresLockedCron:
    """A cron in the transaction that holds its lock."""

    cron: Cron
    database: Database

    async def replace(self, cron: Cron) -> Cron:
        (row,) = await self.database.fetch(
            _QUERIES["replace"],
            cron.cron_id,
            cron.schedule,
            cron.timezone,
            cron.end_time,
            cron.enabled,
            cron.on_run_completed,
            cron.catch_up,
            with_key_order(cron.payload),
            cron.metadata,
            cron.next_run_date,
        )
        return _cron(row)


@dataclass(frozen=True, slots=True)
class PostgresDueCron:
    """A due cron in the transaction that holds its lock."""

    cron: Cron
    slot: datetime
    caller: dict[str, Any]
    now: datetime
    fired: bool
    runs: PostgresRuns
    connection: asyncpg.Connection

    async def create_run(self, new: NewRun) -> Created:
        async with self.connection.transaction():
            return await self.runs.create(new, None)

    async def settle(
        self,
        outcome: FiringOutcome,
        next_due: datetime | None,
        *,
        run: NewRun | None = None,
        detail: str | None = None,
    ) -> None:
        await Database(self.connection).execute(
            _QUERIES["settle"],
            self.cron.cron_id,
            self.slot,
            outcome,
            run.run_id if run else None,
            run.thread_id if run and not run.temporary else None,
            detail,
            next_due,
        )


class PostgresCrons:
    """Crons in Postgres."""

    def __init__(self, pool: asyncpg.Pool, runs_on: RunsOn) -> None:
        self._pool = pool
        self._database = Database(pool)
        self._runs_on = runs_on

    async def create(self, new: NewCron) -> Cron:
        (row,) = await self._database.fetch(
            _QUERIES["create"],
            new.cron_id,
            new.assistant_id,
            new.thread_id,
            new.user_id,
            new.caller,
            new.schedule,
            new.timezone,
            new.end_time,
            new.enabled,
            new.on_run_completed,
            new.catch_up,
            with_key_order(new.payload),
            new.metadata,
            new.next_run_date,
        )
        return _cron(row)

    async def get(self, cron_id: CronId, visible: Filter) -> Cron | None:
        row = await self._database.fetchrow(_QUERIES["get"], cron_id, visible)
        return _cron(row) if row else None

    @asynccontextmanager
    async def locked(
        self, cron_id: CronId, visible: Filter
    ) -> AsyncIterator[PostgresLockedCron | None]:
        async with transaction(self._pool) as connection:
            database = Database(connection)
            row = await database.fetchrow(_QUERIES["lock"], cron_id, visible)
            yield PostgresLockedCron(_cron(row), database) if row else None

    async def delete(self, cron_id: CronId, visible: Filter) -> bool:
        return await self._database.fetchval(_QUERIES["delete"], cron_id, visible) is not None

    async def search(
        self,
        wanted: CronFilter,
        *,
        limit: int,
        offset: int,
        sort_by: CronOrder,
        sort_order: SortDirection,
    ) -> list[Cron]:
        order = f"{sort_by} {sort_order}, cron_id {sort_order}"
        query = _matching("search").replace("{order}", order)
        rows = await self._database.fetch(query, *_criteria(wanted), limit, offset)
        return [_cron(row) for row in rows]

    async def count(self, wanted: CronFilter) -> int:
        count: int = await self._database.fetchval(_matching("count"), *_criteria(wanted))
        return count

    async def firings(self, cron_id: CronId, *, limit: int, offset: int) -> list[CronFiring]:
        rows = await self._database.fetch(_QUERIES["firings"], cron_id, limit, offset)
        fields = CronFiring.__dataclass_fields__
        return [CronFiring(**{name: row[name] for name in fields}) for row in rows]

    async def count_firings(self, cron_id: CronId) -> int:
        count: int = await self._database.fetchval(_QUERIES["count_firings"], cron_id)
        return count

    async def seconds_until_due(self) -> float | None:
        seconds: float | None = await self._database.fetchval(_QUERIES["seconds_until_due"])
        return seconds

    @asynccontextmanager
    async def next_due(self) -> AsyncIterator[PostgresDueCron | None]:
        async with transaction(self._pool) as connection:
            database = Database(connection)
            row = await database.fetchrow(_QUERIES["lock_due"])
            yield self._due(row, connection) if row else None

    def _due(self, row: asyncpg.Record, connection: asyncpg.Connection) -> PostgresDueCron:
        return PostgresDueCron(
            cron=_cron(row),
            slot=row["next_run_date"],
            caller=row["caller"],
            now=row["now"],
            fired=row["fired"],
            runs=self._runs_on(Database(connection)),
            connection=connection,
        )
