"""Runs in Postgres: the implementation of RunStore, RunQueue and LeaseStore."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import asyncpg

from joinstream.domain.access import Filter
from joinstream.domain.caps import Caps
from joinstream.domain.ids import AssistantId, RunId, ThreadId
from joinstream.domain.queue_position import MOST_AHEAD, QueuePosition
from joinstream.domain.run_record import NewRun, Run, RunKey
from joinstream.domain.runs import CancelAction, RunStatus
from joinstream.domain.threads import Ttl
from joinstream.ports.runs import (
    Cancellable,
    CancelRequest,
    Claimant,
    Created,
    Ending,
    Finished,
    QueueFigures,
    Result,
)
from joinstream.sql import load_queries
from joinstream.store.database import Database
from joinstream.store.key_order import in_key_order, with_key_order
from joinstream.store.threads import ttl_columns

_QUERIES = load_queries(Path(__file__).parent / "queries" / "runs.sql")


def _for_caller(query: str, filter: str) -> str:
    """The query, with the condition whose filter is this argument."""
    condition = _QUERIES["visible"].replace("{filter}", filter)
    return _QUERIES[query].replace("{visible}", condition)


_NEW_RUN_FIELDS = tuple(field.name for field in fields(NewRun) if field.name != "visible")
_GET = _for_caller("get", "$3")
_ACTIVE = _for_caller("active", "$4")
_SET_ASIDE = _for_caller("set_aside", "$1")
_COUNT_SET_ASIDE = _for_caller("count_set_aside", "$1")


def _of_status(query: str, status: RunStatus | None) -> str:
    """The query, for runs with this status."""
    return _QUERIES[query].replace("{of_status}", f"status = '{status}'" if status else "true")


def _run(row: asyncpg.Record) -> Run:
    stored = {name: row[name] for name in Run.__dataclass_fields__}
    return Run(**{**stored, "kwargs": in_key_order(row["kwargs"])})


def _document(new: NewRun) -> dict[str, Any]:
    """The run as a `new_run_v2`."""
    document = {name: getattr(new, name) for name in _NEW_RUN_FIELDS}
    return {**document, "kwargs": with_key_order(new.kwargs)}


def _capped_by(run: Run) -> dict[str, Any]:
    """What `claim_capped_runs_v1` finds the run's lanes by."""
    return {
        "assistant_id": run.assistant_id,
        "user_id": run.user_id,
        "concurrency_key": run.concurrency_key,
    }


def _id_in(error: asyncpg.UniqueViolationError) -> RunId | None:
    """The run that exists already."""
    found = re.search(r"\(run_id\)=\((\S+)\)", error.detail or "")
    return RunId(UUID(found[1])) if found else None


@dataclass(frozen=True, slots=True)
class CreationRules:
    """What holds for every run that is created.

    `thread_ttl` is for threads that are made for one. `key_seconds`: how long an idempotency key
    stands for its run. No more runs may be pending than `most_pending`, nor of one user than
    `most_pending_of_user`; None: any number.
    """

    thread_ttl: Ttl | None = None
    key_seconds: float = 86400.0
    most_pending: int | None = None
    most_pending_of_user: int | None = None


class PostgresRuns:
    """Runs in Postgres."""

    def __init__(self, database: Database, rules: CreationRules = CreationRules()) -> None:
        self._database = database
        self._rules = rules

    async def create(
        self, new: NewRun, claimant: Claimant | None, key: RunKey | None = None
    ) -> Created:
        if key is None:
            (created,) = await self._create("create", _document(new), new.visible, claimant)
        else:
            (created,) = await self._create(
                "create_together", [_document(new)], new.visible, claimant, *self._terms(key)
            )
        return created

    async def create_together(self, new: Sequence[NewRun], key: RunKey | None) -> list[Created]:
        documents = [_document(run) for run in new]
        return await self._create(
            "create_together", documents, new[0].visible, None, *self._terms(key)
        )

    def _terms(self, key: RunKey | None) -> tuple[object, ...]:
        if key is None:
            return None, None, None
        return key.text, key.fingerprint, self._rules.key_seconds

    async def _create(
        self,
        query: str,
        new: object,
        visible: Filter,
        claimant: Claimant | None,
        *terms: object,
    ) -> list[Created]:
        try:
            rows = await self._database.fetch(
                _QUERIES[query],
                new,
                visible,
                claimant.worker if claimant else None,
                claimant.lease_seconds if claimant else None,
                *ttl_columns(self._rules.thread_ttl),
                self._rules.most_pending,
                self._rules.most_pending_of_user,
                *terms,
            )
        except asyncpg.UniqueViolationError as error:
            return [Created("run_exists", None, _id_in(error))]
        return [
            Created(row["outcome"], _run(row) if row["run_id"] else None, row["other_run"])
            for row in rows
        ]

    async def figures(self) -> QueueFigures:
        (row,) = await self._database.fetch(_QUERIES["figures"])
        return QueueFigures(*row)

    async def get(self, thread_id: ThreadId | None, run_id: RunId, visible: Filter) -> Run | None:
        row = await self._database.fetchrow(_GET, run_id, thread_id, visible)
        return _run(row) if row else None

    async def status(self, run_id: RunId) -> RunStatus | None:
        status: RunStatus | None = await self._database.fetchval(_QUERIES["status"], run_id)
        return status

    async def has_begun(self, run_id: RunId) -> bool:
        return await self._database.fetchval(_QUERIES["has_begun"], run_id) is True

    async def queue_position(self, run_id: RunId) -> QueuePosition | None:
        row = await self._database.fetchrow(_QUERIES["queue_position"], run_id, MOST_AHEAD)
        return QueuePosition(**row) if row else None

    async def result(self, run_id: RunId) -> Result | None:
        row = await self._database.fetchrow(_QUERIES["result"], run_id)
        return Result(row["status"], row["result"], row["error"]) if row else None

    async def search(
        self, thread_id: ThreadId, *, status: RunStatus | None, limit: int, offset: int
    ) -> list[Run]:
        text = _of_status("search", status)
        rows = await self._database.fetch(text, thread_id, limit, offset)
        return [_run(row) for row in rows]

    async def count(
        self, thread_id: ThreadId, *, status: RunStatus | None, most: int | None
    ) -> int:
        text = _of_status("count", status)
        count: int = await self._database.fetchval(text, thread_id, most)
        return count

    async def active(
        self,
        statuses: list[str],
        thread_id: ThreadId | None,
        run_ids: list[RunId],
        visible: Filter,
    ) -> list[Cancellable]:
        rows = await self._database.fetch(_ACTIVE, statuses, thread_id, run_ids, visible)
        return [Cancellable(*row) for row in rows]

    async def active_of_assistant(self, assistant_id: AssistantId) -> list[Cancellable]:
        rows = await self._database.fetch(_QUERIES["active_of_assistant"], assistant_id)
        return [Cancellable(*row) for row in rows]

    async def cancel(
        self, run_id: RunId, action: CancelAction, reason: str
    ) -> Literal["missing", "ended", "cancelled", "requested"]:
        outcome: Literal["missing", "ended", "cancelled", "requested"]
        outcome = await self._database.fetchval(_QUERIES["cancel"], run_id, action, reason)
        return outcome

    async def set_aside(self, visible: Filter, *, limit: int, offset: int) -> list[Run]:
        rows = await self._database.fetch(_SET_ASIDE, visible, limit, offset)
        return [_run(row) for row in rows]

    async def count_set_aside(self, visible: Filter) -> int:
        count: int = await self._database.fetchval(_COUNT_SET_ASIDE, visible)
        return count

    async def retry(
        self, run_id: RunId
    ) -> Literal["missing", "not_set_aside", "overtaken", "retried"]:
        outcome: Literal["missing", "not_set_aside", "overtaken", "retried"]
        outcome = await self._database.fetchval(_QUERIES["retry"], run_id)
        return outcome

    async def delete_ended(self, run_id: RunId) -> bool:
        return await self._database.fetchval(_QUERIES["delete_ended"], run_id) is not None

    async def claim(self, claimant: Claimant, slots: int, ended: Sequence[Run] = ()) -> list[Run]:
        if claimant.caps is None:
            return await self._claim("claim", claimant, slots)
        run_ids = await self._claim_capped(
            claimant, claimant.caps, slots, [_capped_by(run) for run in ended]
        )
        if not run_ids:
            return []
        rows = await self._database.fetch(_QUERIES["claimed"], run_ids, claimant.worker)
        return [_run(row) for row in rows]

    async def _claim_capped(
        self, claimant: Claimant, caps: Caps, slots: int, ended: list[dict[str, Any]]
    ) -> list[RunId]:
        claimed: list[RunId] = []
        more = True
        while more and not claimed:
            ((run_ids, more),) = await self._database.fetch(
                _QUERIES["claim_capped"],
                claimant.worker,
                slots,
                claimant.lease_seconds,
                claimant.graph_ids,
                caps.by_kind(),
                ended,
            )
            claimed = run_ids
        return claimed

    async def open_held(self, claimant: Claimant) -> int:
        opened: int = await self._database.fetchval(
            _QUERIES["open_held"], (claimant.caps or Caps()).by_kind()
        )
        return opened

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
            ending.set_aside,
        )
        return Finished(row["outcome"], _cancel_request(row), bool(row["work_waits"]))

    async def release(self, run: Run) -> bool:
        released: bool = await self._database.fetchval(_QUERIES["release"], run.run_id, run.epoch)
        return released

    async def sweep(self, temporary_retention: float, output_retention: float, limit: int) -> int:
        touched = await self._database.execute(_QUERIES["sweep_keys"], limit)
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
