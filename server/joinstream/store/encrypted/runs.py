"""Runs with encrypted fields."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import structlog

from joinstream.domain.access import Filter
from joinstream.domain.ids import RunId, ThreadId
from joinstream.domain.run_record import NewRun, Run, RunKey
from joinstream.domain.runs import RunStatus
from joinstream.encoding import dumps, loads
from joinstream.encryption.context import CONTEXT_KEY, current_context
from joinstream.encryption.fields import FieldCipher
from joinstream.encryption.searches import ListedFields
from joinstream.errors import EncryptionFailed, HandlerFailed
from joinstream.ports.runs import Claimant, Created, Ending, Finished, Result
from joinstream.store.database import Database
from joinstream.store.runs import CreationRules, PostgresRuns

log = structlog.get_logger(__name__)

HANDLER_TRIES = 3
"""How often a run is claimed whose handler fails; there is a lease between two times."""


class EncryptedRuns(PostgresRuns):
    """Runs in Postgres. Each takes along the context of the request that created it."""

    def __init__(self, database: Database, rules: CreationRules, fields: FieldCipher) -> None:
        super().__init__(database, rules)
        self._fields = fields
        self._listed = ListedFields(fields)

    async def create(
        self, new: NewRun, claimant: Claimant | None, key: RunKey | None = None
    ) -> Created:
        created = await super().create(await self._sealed(new), claimant, key)
        return await self._opened_creation(created)

    async def create_together(self, new: Sequence[NewRun], key: RunKey | None) -> list[Created]:
        sealed = await asyncio.gather(*map(self._sealed, new))
        created = await super().create_together(sealed, key)
        return await asyncio.gather(*map(self._opened_creation, created))

    async def get(self, thread_id: ThreadId | None, run_id: RunId, visible: Filter) -> Run | None:
        run = await super().get(thread_id, run_id, visible)
        return await _opened(self._fields, run) if run else None

    async def result(self, run_id: RunId) -> Result | None:
        result = await super().result(run_id)
        if result is None:
            return None
        output = None if result.output is None else loads(dumps(result.output))
        return result._replace(
            output=await self._fields.open("run", "output", output),
            error=await self._fields.open("run", "error", result.error),
        )

    async def search(
        self, thread_id: ThreadId, *, status: RunStatus | None, limit: int, offset: int
    ) -> list[Run]:
        found = await super().search(thread_id, status=status, limit=limit, offset=offset)
        return await _all_opened(self._listed, found)

    async def set_aside(self, visible: Filter, *, limit: int, offset: int) -> list[Run]:
        found = await super().set_aside(visible, limit=limit, offset=offset)
        return await _all_opened(self._listed, found)

    async def claim(self, claimant: Claimant, slots: int, ended: Sequence[Run] = ()) -> list[Run]:
        return await self._executable(await super().claim(claimant, slots, ended))

    async def take_over(self, claimant: Claimant, slots: int, *, idle: bool = True) -> list[Run]:
        return await self._executable(await super().take_over(claimant, slots, idle=idle))

    async def finish(self, run: Run, ending: Ending) -> Finished:
        """Raises EncryptionFailed, with nothing done; the ending that tells of that is accepted."""
        if _is_about_encryption(ending):
            return await super().finish(run, _readable(ending))
        try:
            sealed = await self._sealed_ending(ending)
        except Exception as error:
            raise EncryptionFailed(f"The run's end cannot be stored: {error}") from error
        return await super().finish(run, sealed)

    async def _sealed(self, new: NewRun) -> NewRun:
        seal = self._fields.seal
        kwargs, of_assistant, metadata, of_thread, config = await asyncio.gather(
            seal("run", "kwargs", new.kwargs),
            seal("run", "metadata", new.assistant_metadata),
            seal("run", "metadata", new.metadata),
            seal("thread", "metadata", new.thread_metadata),
            seal("thread", "config", new.thread_config),
        )
        if context := current_context():
            kwargs = {**kwargs, CONTEXT_KEY: dict(context)}
        return replace(
            new,
            kwargs=kwargs,
            assistant_metadata=of_assistant,
            metadata=metadata,
            thread_metadata=of_thread,
            thread_config=config,
        )

    async def _sealed_ending(self, ending: Ending) -> Ending:
        seal = self._fields.seal
        output, error, values, interrupts, thread_error = await asyncio.gather(
            seal("run", "output", ending.output),
            seal("run", "error", ending.error),
            seal("thread", "values", ending.values),
            seal("thread", "interrupts", ending.interrupts),
            seal("thread", "error", ending.thread_error),
        )
        return replace(
            ending,
            output=output,
            error=error,
            values=values,
            interrupts=interrupts,
            thread_error=thread_error,
        )

    async def _opened_creation(self, created: Created) -> Created:
        run = await _opened(self._fields, created.run) if created.run else None
        return created._replace(run=run)

    async def _executable(self, claimed: Sequence[Run]) -> list[Run]:
        """Those that could be opened. The others are ended here, or nobody ever would.

        A handler that failed is asked again first, when the lease has expired.
        """
        opened = await asyncio.gather(
            *(_opened(self._fields, run) for run in claimed), return_exceptions=True
        )
        runs: list[Run] = []
        for run, outcome in zip(claimed, opened, strict=True):
            if isinstance(outcome, Run):
                runs.append(outcome)
                continue
            if not isinstance(outcome, Exception):
                raise outcome
            log.error("a run cannot be decrypted", run_id=run.run_id, exc_info=outcome)
            if not isinstance(outcome, HandlerFailed) or run.tries >= HANDLER_TRIES:
                await PostgresRuns.finish(self, run, _failed(outcome))
        return runs


async def _opened(fields: FieldCipher, run: Run) -> Run:
    kwargs, metadata, error = await asyncio.gather(
        fields.open("run", "kwargs", run.kwargs),
        fields.open("run", "metadata", run.metadata),
        fields.open("run", "error", run.error),
    )
    return replace(run, kwargs=kwargs, metadata=metadata, error=error)


async def _all_opened(fields: FieldCipher, runs: Sequence[Run]) -> list[Run]:
    return await asyncio.gather(*(_opened(fields, run) for run in runs))


def _failed(error: Exception) -> Ending:
    failure: dict[str, Any] = {"error": EncryptionFailed.__name__, "message": str(error)}
    return Ending("error", error=failure, thread_error=failure)


def _is_about_encryption(ending: Ending) -> bool:
    return ending.error is not None and ending.error["error"] == EncryptionFailed.__name__


def _readable(ending: Ending) -> Ending:
    """What is wrong, without the cipher that is wrong; and nothing of what should be encrypted."""
    return replace(ending, output=None, values=None, interrupts=None)
