"""Runs: creating, reading, cancelling and deleting them."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

from joinstream.domain.access import metadata_of
from joinstream.domain.assistants import Assistant
from joinstream.domain.ids import AssistantId, RunId, ThreadId, new_run_id, new_thread_id
from joinstream.domain.run_record import NewRun, Run
from joinstream.domain.run_request import (
    RunRequest,
    config_of_thread,
    kwargs_of,
    merged_config,
    sets_configurable,
)
from joinstream.domain.runs import CancelAction, is_terminal
from joinstream.domain.webhook_urls import UrlPolicy
from joinstream.errors import BadRequest, Conflict, NotFound
from joinstream.ports import EventLog, Signals
from joinstream.ports.access import Access
from joinstream.ports.checkpoints import Checkpoints
from joinstream.ports.runs import Claimant, Created, RunStore
from joinstream.services.webhooks import check_webhook

ResolveAssistant = Callable[[str], Awaitable[Assistant]]
"""By id or graph name. Raises NotFound for an unknown id, Unprocessable for an unknown name."""


RunPurpose = Literal["read", "update", "delete"]
"""What a run is fetched for, which is what the caller has to be allowed."""


class LocalWorker(Protocol):
    """A worker in this very process, which can take a run at the moment it is created."""

    claimant: Claimant

    def reserve_slot(self) -> bool: ...

    def return_slot(self) -> None: ...

    def submit(self, run: Run) -> None: ...


@dataclass(slots=True)
class Runs:
    """The use cases of runs."""

    store: RunStore
    resolve_assistant: ResolveAssistant
    signals: Signals
    events: EventLog
    checkpoints: Checkpoints
    access: Access
    webhook_urls: UrlPolicy
    local_worker: LocalWorker | None = field(default=None)

    async def prepare(self, thread_id: ThreadId | None, request: RunRequest) -> NewRun:
        """Everything about the new run that does not depend on the thread's other runs.

        Raises NotFound, Unprocessable, BadRequest or Forbidden; nothing is written.
        """
        check_webhook(request.webhook, self.webhook_urls)
        assistant = await self.resolve_assistant(request.assistant)
        if request.context and sets_configurable(request.config):
            raise BadRequest(
                "Both context and config.configurable are set: they are two names for the same "
                "thing, send only context."
            )
        if thread_id is None and request.command and request.command.get("resume") is not None:
            raise BadRequest(
                "command.resume needs the thread whose interrupt it answers: "
                "create the run on that thread."
            )
        temporary = thread_id is None and request.on_completion == "delete"
        config = merged_config(assistant.config, request)
        context = request.context or (
            {} if sets_configurable(request.config) else assistant.context
        )
        own = {"graph_id": assistant.graph_id, "assistant_id": str(assistant.assistant_id)}
        caller = self.access.caller
        if caller is not None:
            config = {**config, "configurable": {**config["configurable"], **caller.configurable()}}
        new = NewRun(
            run_id=request.run_id or new_run_id(),
            thread_id=thread_id or new_thread_id(),
            temporary=temporary,
            create_thread=thread_id is None or request.if_not_exists == "create",
            assistant_id=assistant.assistant_id,
            graph_id=assistant.graph_id,
            multitask_strategy=request.multitask_strategy,
            delay_seconds=request.after_seconds,
            timeout_seconds=request.timeout_seconds,
            priority=request.priority,
            concurrency_key=request.concurrency_key,
            user_id=caller.record.identity if caller else None,
            kwargs=dict(kwargs_of(request, config, context, temporary=temporary)),
            assistant_metadata=assistant.metadata,
            metadata={
                **config.get("metadata", {}),
                **request.metadata,
                "assistant_id": own["assistant_id"],
            },
            thread_metadata=own,
            thread_config=config_of_thread(request.config),
        )
        return await self._authorized(new, stateless=thread_id is None)

    async def _authorized(self, new: NewRun, *, stateless: bool) -> NewRun:
        """The run as the caller may create it."""
        asked: dict[str, Any] = {
            "thread_id": None if stateless else new.thread_id,
            "assistant_id": new.assistant_id,
            "run_id": new.run_id,
            "status": "pending",
            "metadata": dict(new.metadata),
            "prevent_insert_if_inflight": new.multitask_strategy == "reject",
            "multitask_strategy": new.multitask_strategy,
            "if_not_exists": "create" if new.create_thread else "reject",
            "after_seconds": new.delay_seconds,
            "timeout_seconds": new.timeout_seconds,
            "priority": new.priority,
            "concurrency_key": new.concurrency_key,
            "kwargs": new.kwargs,
        }
        visible = await self.access.authorize("threads", "create_run", asked)
        if visible is not None and new.temporary:
            # whose assistant it is says nothing of whose run it is
            new = replace(new, assistant_metadata={})
        return replace(
            new,
            metadata=metadata_of(asked),
            timeout_seconds=asked["timeout_seconds"],
            priority=asked["priority"],
            concurrency_key=asked["concurrency_key"],
            kwargs=dict(asked["kwargs"]),
            visible=visible,
        )

    async def create(self, new: NewRun) -> Run:
        """Create the run; a worker of this process takes it at once when it has a free slot.

        Raises NotFound when the thread does not exist, Conflict when it is busy and the strategy is
        `reject`, or when there is a run with this id.
        """
        local = self.local_worker
        reserved = new.delay_seconds <= 0 and local is not None and local.reserve_slot()
        created: Created | None = None
        try:
            claimant = local.claimant if local is not None and reserved else None
            created = await self.store.create(new, claimant)
        finally:
            if local is not None and reserved and not (created and created.outcome == "claimed"):
                local.return_slot()
        run = self._created_run(new, created)
        if created.outcome == "claimed" and local is not None:
            local.submit(run)
        elif new.delay_seconds > 0:
            self._wake_workers_in(new.delay_seconds)
        elif not reserved:
            await self.signals.wake_workers()
        if created.other_run is not None:
            await self.signals.nudge_cancel(created.other_run)
        return run

    def _wake_workers_in(self, seconds: float) -> None:
        """A delayed run starts on time while this process lives, else at a worker's next poll."""
        loop = asyncio.get_running_loop()
        loop.call_later(seconds, lambda: loop.create_task(self.signals.wake_workers()))

    @staticmethod
    def _created_run(new: NewRun, created: Created) -> Run:
        if created.outcome == "thread_missing":
            raise NotFound(
                f"Thread {new.thread_id} does not exist. Create it first, or send "
                'if_not_exists: "create".'
            )
        if created.outcome == "run_exists":
            raise Conflict(
                f"Run {new.run_id} exists already. Send another run_id, or none to get one."
            )
        if created.outcome == "busy" or created.run is None:
            raise Conflict(
                f"Thread {new.thread_id} is busy with run {created.other_run}. Wait for it, cancel "
                "it, or choose multitask_strategy enqueue, interrupt or rollback."
            )
        return created.run

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
        self, thread_id: ThreadId, *, status: str | None, limit: int, offset: int
    ) -> list[Run]:
        """Newest first. Whether the caller may see them, its thread decides: `Threads.get`."""
        return await self.store.search(thread_id, status=status, limit=limit, offset=offset)

    async def has_ended(self, run_id: RunId) -> bool:
        """Whether the run is over; one that was rolled back or deleted is."""
        status = await self.store.status(run_id)
        return status is None or is_terminal(status)

    async def cancel(self, run: Run, action: CancelAction, reason: str) -> None:
        """Ask the run to stop; a pending one is over when this returns. Raises NotFound."""
        outcome = await self.store.cancel(run.run_id, action, reason)
        if outcome in ("missing", "ended"):
            raise NotFound(f"Run {run.run_id} is over already: there is nothing to cancel.")
        if outcome == "requested":
            await self.signals.nudge_cancel(run.run_id)
        else:
            await self.events.nudge(run.thread_id)
            await self.signals.wake_workers()

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

    async def _cancel_all(self, runs: list[Run], action: CancelAction, reason: str) -> int:
        """How many were still active."""
        cancelled = 0
        for run in runs:
            with suppress(NotFound):
                await self.cancel(run, action, reason)
                cancelled += 1
        return cancelled

    async def delete(self, run: Run) -> None:
        """Remove the run and its checkpoints; an active one is rolled back, which does both."""
        if not await self.store.delete_ended(run.run_id):
            await self.cancel(run, "rollback", "deleted")
        elif not run.temporary:
            await self.checkpoints.delete_of_run(run.thread_id, run.run_id)
