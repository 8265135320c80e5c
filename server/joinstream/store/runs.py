"""Runs in Postgres: the implementation of RunStore, RunQueue and LeaseStore."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import asyncpg

from joinstream.domain.access import Filter
from joinstream.domain.ids import AssistantId, RunId, ThreadId
from joinstream.domain.run_record import NewRun, Run
from joinstream.domain.runs import CancelAction, RunStatus
from joinstream.domain.threads import Ttl
from joinstream.ports.runs import (
    CancelRequest,
    Claimant,
    Created,
    Ending,
    Finished,
    Result,
)
from joinstream.sql import load_queries
from joinstream.store.database import Database
from joinstream.store.threads import ttl_columns

_QUERIES = load_queries(Path(__file__).parent / "queries" / "runs.sql")


def _for_caller(query: str, filter: str) -> str:
    """The query, with the condition whose filter is this argument."""
    condition = _QUERIES["visible"].replace("{filter}", filter)
    return _QUERIES[query].replace("{visible}", condition)


_GET = _for_caller("get", "$3")
_ACTIVE = _for_caller("active", "$4")


def _run(row: asyncpg.Record) -> Run:
    return Run(**{name: row[name] for name in Run.__dataclass_fields__})


class PostgresRuns:
    """Runs in Postgres. `default_ttl` is for threads that are made for a run."""

    def __init__(self, database: Database, default_ttl: Ttl | None = None) -> None:
        self._database = database
        self._default_ttl = default_ttl

    async def create(self, new: NewRun, claimant: Claimant | None) -> Created:
        try:
            (row,) = await self._database.fetch(
                _QUERIES["create"],
                {name: getattr(new, name) for name in NewRun.__dataclass_fields__},
                new.visible,
                claimant.worker if claimant else None,
                claimant.lease_seconds if claimant else None,
                *ttl_columns(self._default_ttl),
            )
        except asyncpg.UniqueViolationError:
            return Created("run_exists", None, new.run_id)
        run = _run(row) if row["run_id"] else None
        return Created(row["outcome"], run, row["other_run"])

    async def get(self, thread_id: ThreadId | None, run_id: RunId, visible: Filter) -> Run | None:
        row = await self._database.fetchrow(_GET, run_id, thread_id, visible)
        return _run(row) if row else None

    async def status(self, run_id: RunId) -> RunStatus | None:
        status: RunStatus | None = await self._database.fetchval(_QUERIES["status"], run_id)
        return status

    async def result(self, run_id: RunId) -> Result | None:
        row = await self._database.fetchrow(_QUERIES["result"], run_id)
        return Result(row["status"], row["result"], row["error"]) if row else None

    async def search(
        self, thread_id: ThreadId, *, status: str | None, limit: int, offset: int
    ) -> list[Run]:
        rows = await self._database.fetch(_QUERIES["search"], thread_id, status, limit, offset)
        return [_run(row) for row in rows]

    async def active(
        self,
        statuses: list[str],
        thread_id: ThreadId | None,
        run_ids: list[RunId],
        visible: Filter,
    ) -> list[Run]:
        rows = await self._database.fetch(_ACTIVE, statuses, thread_id, run_ids, visible)
        return [_run(row) for row in rows]

    async def active_of_assistant(self, assistant_id: AssistantId) -> list[Run]:
        rows = await self._database.fetch(_QUERIES["active_of_assistant"], assistant_id)
        return [_run(row) for row in rows]

    async def cancel(
        self, run_id: RunId, action: CancelAction, reason: str
    ) -> Literal["missing", "ended", "cancelled", "requested"]:
        outcome: Literal["missing", "ended", "cancelled", "requested"]
        outcome = await self._database.fetchval(_QUERIES["cancel"], run_id, action, reason)
        return outcome

    async def delete_ended(self, run_id: RunId) -> bool:
        return await self._database.fetchval(_QUERIES["delete_ended"], run_id) is not None

    async def claim(self, claimant: Claimant, slots: int) -> list[Run]:
        return await self._claim("claim", claimant, slots)

    async def take_over(self, claimant: Claimant, slots: int, *, idle: bool = True) -> list[Run]:
        return await self._claim("take_over", claimant, slots, idle)

    async def _claim(
        self, query: str, claimant: Claimant, slots: int, *further: object
    ) -> list[Run]:
        rows = await self._database.fetch(
            _QUERIES[query],
            claimant.worker,
            slots,
            claimant.lease_seconds,
            claimant.graph_ids,
            *further,
        )
        return [_run(row) for row in rows]

    async def renew(
        self, leases: Sequence[tuple[RunId, int]], lease_seconds: float
    ) -> dict[RunId, CancelRequest | None]:
        rows = await self._database.fetch(
            _QUERIES["renew"],
            [run_id for run_id, _ in leases],
            [epoch for _, epoch in leases],
            lease_seconds,
        )
        return {row["run_id"]: _cancel_request(row) for row in rows}

    async def finish(self, run: Run, ending: Ending) -> Finished:
        (row,) = await self._database.fetch(
            _QUERIES["finish"],
            run.run_id,
            run.epoch,
            ending.status,
            ending.output,
            ending.error,
            ending.values,
            ending.interrupts,
            ending.more_to_do,
            ending.thread_error,
        )
        return Finished(row["outcome"], _cancel_request(row), bool(row["work_waits"]))

    async def release(self, run: Run) -> bool:
        released: bool = await self._database.fetchval(_QUERIES["release"], run.run_id, run.epoch)
        return released

    async def sweep(self, temporary_retention: float, output_retention: float, limit: int) -> int:
        touched = 0
        for query, retention in (
            ("sweep_temporary", temporary_retention),
            ("sweep_outputs", output_retention),
        ):
            touched += await self._database.execute(_QUERIES[query], retention, limit)
        return touched


def _cancel_request(row: asyncpg.Record) -> CancelRequest | None:
    return (
        CancelRequest(row["cancel_action"], row["cancel_reason"]) if row["cancel_action"] else None
    )
