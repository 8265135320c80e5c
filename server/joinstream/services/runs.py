"""Runs that exist: reading, cancelling and deleting them."""

import asyncio
from dataclasses import dataclass
from typing import Any, Literal

from joinstream.domain.ids import AssistantId, RunId, ThreadId
from joinstream.domain.pages import Total, counted, many, told_by_page
from joinstream.domain.queue_position import QueuePosition
from joinstream.domain.run_record import Run
from joinstream.domain.runs import CancelAction, RunStatus, is_terminal
from joinstream.errors import NotFound
from joinstream.ports import EventLog, Signals
from joinstream.ports.access import Access
from joinstream.ports.checkpoints import Checkpoints
from joinstream.ports.runs import Cancellable, RunStore

RunPurpose = Literal["read", "update", "delete"]
"""What a run is fetched for, which is what the caller has to be allowed."""
_CANCELLED_AT_ONCE = 8
"""Enough to share the waits for Postgres, and few enough to leave connections to others."""


@dataclass(slots=True)
class Runs:
    """The use cases of runs, once they are there."""

    store: RunStore
    signals: Signals
    events: EventLog
    checkpoints: Checkpoints
    access: Access

    async def get(self, thread_id: ThreadId | None, run_id: RunId, to: RunPurpose = "read") -> Run:
        """The run, for what the caller is going to do with it. Raises NotFound."""
        asked: dict[str, Any] = {"thread_id": thread_id, "run_id": run_id, "metadata": {}}
        visible = await self.access.authorize("threads", to, asked)
        run = await self.store.get(thread_id, run_id, visible)
        if run is None:
            where = f" on thread {thread_id}" if thread_id else ""
            raise NotFound(f"Run {run_id} does not exist{where}.")
        return run

    async def search(
        self,
        thread_id: ThreadId,
        *,
        status: RunStatus | None,
        limit: int,
        offset: int,
        exact: bool,
    ) -> tuple[list[Run], Total]:
        """A page, newest first, and how many there are: `exact`, or counted for a while only.

        Whether the caller may see them, its thread decides: `Threads.get`.
        """
        page = await self.store.search(thread_id, status=status, limit=limit, offset=offset)
        told = told_by_page(len(page), limit=limit, offset=offset)
        if told is not None:
            return page, told
        most = None if exact else many(limit=limit, offset=offset)
        return page, counted(await self.store.count(thread_id, status=status, most=most), most)

    async def queue_position(self, run: Run) -> QueuePosition | None:
        """Where the run stands while it is pending."""
        return await self.store.queue_position(run.run_id) if run.status == "pending" else None

    async def has_ended(self, run_id: RunId) -> bool:
        """Whether the run is over; one that was rolled back or deleted is."""
        status = await self.store.status(run_id)
        return status is None or is_terminal(status)

    async def cancel(self, run: Run, action: CancelAction, reason: str) -> None:
        """Ask the run to stop; a pending one is over when this returns. Raises NotFound."""
        if not await self._cancel(run.run_id, run.thread_id, action, reason):
            raise NotFound(f"Run {run.run_id} is over already: there is nothing to cancel.")

    async def cancel_many(
        self,
        *,
        status: Literal["pending", "running", "all"] | None,
        thread_id: ThreadId | None,
        run_ids: list[RunId],
        action: CancelAction,
    ) -> None:
        """Cancel runs by status, or by thread and ids. Raises NotFound when none was active."""
        statuses: list[str] = (
            [status] if status in ("pending", "running") else ["pending", "running"]
        )
        asked: dict[str, Any] = {"thread_id": thread_id, "action": action, "metadata": {}}
        visible = await self.access.authorize("threads", "update", asked)
        active = await self.store.active(statuses, thread_id, run_ids, visible)
        if not await self._cancel_all(active, action, "cancelled by request"):
            raise NotFound("None of these runs is active: there is nothing to cancel.")

    async def cancel_of_assistant(self, assistant_id: AssistantId) -> None:
        """Stop whatever the assistant is doing, for whomever, because it is deleted."""
        active = await self.store.active_of_assistant(assistant_id)
        await self._cancel_all(active, "interrupt", "assistant deleted")

    async def _cancel_all(self, runs: list[Cancellable], action: CancelAction, reason: str) -> bool:
        """Whether any was still active.

        Those that wait go first: they would begin when the runs before them end.
        """
        was_active = False
        for running in (False, True):
            found = [run for run in runs if run.is_running == running]
            for start in range(0, len(found), _CANCELLED_AT_ONCE):
                some = found[start : start + _CANCELLED_AT_ONCE]
                cancels = [self._cancel(run.run_id, run.thread_id, action, reason) for run in some]
                was_active |= any(await asyncio.gather(*cancels))
        return was_active

    async def _cancel(
        self, run_id: RunId, thread_id: ThreadId, action: CancelAction, reason: str
    ) -> bool:
        """Whether it was still active."""
        outcome = await self.store.cancel(run_id, action, reason)
        if outcome in ("missing", "ended"):
            return False
        if outcome == "requested":
            await self.signals.nudge_cancel(run_id)
        else:
            await self.events.nudge(thread_id)
            await self.signals.wake_workers()
        return True

    async def delete(self, run: Run) -> None:
        """Remove the run and its checkpoints; an active one is rolled back, which does both."""
        if not await self.store.delete_ended(run.run_id):
            await self.cancel(run, "rollback", "deleted")
        elif not run.temporary:
            await self.checkpoints.delete_of_run(run.thread_id, run.run_id)
