"""Fires crons. Every API process runs one scheduler; however many there are, no time fires twice.

A firing is one transaction: the cron is locked, its run created, what came of it written down and
the next time set. A process that dies in the middle has done nothing, and another one fires.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import structlog

from joinstream.domain.access import Filter
from joinstream.domain.crons import Cron
from joinstream.domain.identity import Caller, caller_of
from joinstream.domain.run_record import NewRun
from joinstream.domain.run_request import RunRequest
from joinstream.errors import RequestError, Unavailable
from joinstream.ports.access import Action, Resource
from joinstream.ports.crons import CronStore, DueCron
from joinstream.ports.streams import Signals
from joinstream.services.run_creation import RunCreation, refusal_of

log = structlog.get_logger(__name__)

SHORTEST_PAUSE_SECONDS = 0.02
"""A cron that another process is firing is due still; it need not be looked at all the time."""

RequestOf = Callable[[dict[str, Any]], RunRequest]
"""Reads a cron's payload. Raises Unprocessable."""


@dataclass(frozen=True, slots=True)
class _OnBehalfOf:
    """Access for a firing: who created the cron was allowed to do what it does."""

    caller: Caller | None

    async def authorize(self, resource: Resource, action: Action, value: dict[str, Any]) -> Filter:
        return None


class CronScheduler:
    """Waits for crons to become due and fires them.

    `runs` prepares their runs; it must resolve assistants without asking who is calling. The
    scheduler looks for due crons at the latest every `period_seconds`.
    """

    def __init__(
        self,
        crons: CronStore,
        runs: RunCreation,
        request_of: RequestOf,
        signals: Signals,
        period_seconds: float,
    ) -> None:
        self._crons = crons
        self._runs = runs
        self._request_of = request_of
        self._signals = signals
        self._period = period_seconds
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Look again now: a cron was made or changed."""
        self._woken.set()

    async def run_forever(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(await self._pause_after_firing()):
                    await self._woken.wait()
            self._woken.clear()

    async def _pause_after_firing(self) -> float:
        """Fire all that is due; how long to wait before the next look, in seconds."""
        try:
            while await self.fire_next():
                pass
            until_due = await self._crons.seconds_until_due()
        except Unavailable as error:
            log.warning("crons cannot fire", error=error.reason)
        except Exception:
            log.exception("the cron scheduler failed; it looks again")
        else:
            if until_due is not None:
                return min(max(until_due, SHORTEST_PAUSE_SECONDS), self._period)
        return self._period

    async def fire_next(self) -> bool:
        """Fire one due cron; whether there was one."""
        async with self._crons.next_due() as due:
            if due is None:
                return False
            await self._fire(due)
        await self._signals.wake_workers()
        return True

    async def _fire(self, due: DueCron) -> None:
        cron = due.cron
        run: NewRun | None = None
        following: datetime | None = None
        try:
            following = cron.fires_after(due.now)
            if due.fired or cron.skips(due.slot, due.now):
                await due.settle("skipped", following, detail="missed")
                return
            run = await self._prepared(cron, caller_of(due.caller))
            created = await due.create_run(run)
            if created.run is None and created.outcome != "busy":
                raise refusal_of(run, created)
        except Unavailable:
            raise
        except RequestError as error:
            log.warning("a cron's run was not created", cron_id=cron.cron_id, error=error.detail)
            await due.settle("failed", following, detail=error.detail)
        except Exception as error:
            log.exception("a cron's run was not created", cron_id=cron.cron_id)
            await due.settle("failed", following, detail=type(error).__name__)
        else:
            if created.run is not None:
                await due.settle("created", following, run=run)
            else:
                detail = f"the thread was busy with run {created.other_run}"
                await due.settle("skipped", following, detail=detail)

    async def _prepared(self, cron: Cron, caller: Caller | None) -> NewRun:
        asked = self._request_of(cron.payload)
        cron_id = str(cron.cron_id)
        configurable = {**asked.config.get("configurable", {}), "cron_id": cron_id}
        request = replace(
            asked,
            assistant=str(cron.assistant_id),
            config={**asked.config, "configurable": configurable},
            # the cron's own has the last word: it is what auth has left of what the client sent
            metadata={**asked.metadata, **cron.metadata, "cron_id": cron_id},
            on_completion=cron.on_run_completed,
        )
        runs = replace(self._runs, access=_OnBehalfOf(caller))
        return await runs.prepare(cron.thread_id, request)
