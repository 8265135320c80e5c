"""Creating runs: one or several, and for an idempotency key only once."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from joinstream.domain.access import metadata_of
from joinstream.domain.assistants import Assistant
from joinstream.domain.ids import ThreadId, is_uuid, new_run_id, new_thread_id, thread_key
from joinstream.domain.run_record import NewRun, Run, RunKey
from joinstream.domain.run_request import (
    RunRequest,
    config_of_thread,
    kwargs_of,
    merged_config,
    sets_configurable,
    with_headers,
)
from joinstream.domain.webhook_urls import UrlPolicy
from joinstream.errors import (
    BadRequest,
    Conflict,
    NotFound,
    RequestError,
    TooManyRequests,
    Unavailable,
    Unprocessable,
)
from joinstream.observe.tracing import carried
from joinstream.ports import Signals
from joinstream.ports.access import Access
from joinstream.ports.runs import Claimant, Created, RunStore
from joinstream.services.webhooks import check_webhook

ResolveAssistant = Callable[[str], Awaitable[Assistant]]
"""By id or graph name. Raises NotFound for an unknown id, Unprocessable for an unknown name."""

FULL_QUEUE_RETRY_SECONDS = 5
"""When to try again, for those whose run was one too many."""


class LocalWorker(Protocol):
    """A worker in this very process, which can take a run at the moment it is created."""

    claimant: Claimant

    def reserve_slot(self) -> bool: ...

    def return_slot(self) -> None: ...

    def submit(self, run: Run) -> None: ...


class CreatedRun(NamedTuple):
    """`repeated`: an earlier request with the same key had created it."""

    run: Run
    repeated: bool


@dataclass(slots=True)
class RunCreation:
    """The use cases that make new runs. `webhook_urls` None: there are no webhooks."""

    store: RunStore
    resolve_assistant: ResolveAssistant
    signals: Signals
    access: Access
    webhook_urls: UrlPolicy | None
    local_worker: LocalWorker | None = None

    def thread_named(self, name: str) -> ThreadId:
        """The thread that a name, which need not be a UUID, means to the caller.

        Without auth, it is the one that an import has made of that name, if there is one.
        """
        caller = self.access.caller
        if caller is None or is_uuid(name):
            return thread_key(name)
        return thread_key(f"{caller.record.identity}\n{name}")

    async def prepare(
        self,
        thread_id: ThreadId | None,
        request: RunRequest,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> NewRun:
        """Everything about the new run that does not depend on the thread's other runs.

        `headers` are those of the request that its graph is to know.
        Raises NotFound, Unprocessable, BadRequest or Forbidden; nothing is written.
        """
        if self.webhook_urls is None:
            request = replace(request, webhook=None)
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
        config = with_headers(merged_config(assistant.config, request), headers)
        config = {**config, "configurable": {**config["configurable"], **carried()}}
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

    async def create(self, new: NewRun, key: RunKey | None = None) -> CreatedRun:
        """Create the run; a worker of this process takes it at once when it has a free slot.

        Raises what `refusal_of` says.
        """
        local = self.local_worker
        reserved = new.delay_seconds <= 0 and local is not None and local.reserve_slot()
        created: Created | None = None
        try:
            claimant = local.claimant if local is not None and reserved else None
            created = await self.store.create(new, claimant, key)
        finally:
            if local is not None and reserved and not (created and created.outcome == "claimed"):
                local.return_slot()
        if created.run is None:
            raise refusal_of(new, created)
        if created.outcome == "claimed" and local is not None:
            local.submit(created.run)
        elif new.delay_seconds > 0:
            self._wake_workers_in(new.delay_seconds)
        elif not reserved:
            await self.signals.wake_workers()
        if created.outcome != "repeated" and created.other_run is not None:
            await self.signals.nudge_cancel(created.other_run)
        return CreatedRun(created.run, created.outcome == "repeated")

    async def create_together(self, new: Sequence[NewRun], key: RunKey | None = None) -> list[Run]:
        """Create stateless runs, all of them or none. Raises what `refusal_of` says."""
        runs = []
        for created in await self.store.create_together(new, key):
            if created.run is None:
                raise refusal_of(new[0], created)
            runs.append(created.run)
        await self.signals.wake_workers()
        for delay in {run.delay_seconds for run in new if run.delay_seconds > 0}:
            self._wake_workers_in(delay)
        return runs

    def _wake_workers_in(self, seconds: float) -> None:
        """A delayed run starts on time while this process lives, else at a worker's next poll."""
        loop = asyncio.get_running_loop()
        loop.call_later(seconds, lambda: loop.create_task(self.signals.wake_workers()))


def refusal_of(new: NewRun, created: Created) -> RequestError:
    """Why the run was not created: NotFound, Conflict, Unprocessable, TooManyRequests, Unavailable.

    `other_run` of what was created is the run that it is about.
    """
    match created.outcome:
        case "thread_missing":
            return NotFound(
                f"Thread {new.thread_id} does not exist. Create it first, or send "
                'if_not_exists: "create".'
            )
        case "run_exists":
            return Conflict(
                f"Run {created.other_run} exists already. Send another run_id, or none to get one."
            )
        case "key_reused":
            return Unprocessable(
                "Idempotency-Key: came before with another request. Send a new key with a new "
                "request, and the same request with the same key."
            )
        case "gone":
            return Conflict(
                f"Run {created.other_run}, which this Idempotency-Key stands for, was deleted. "
                "Send a new key to create another one."
            )
        case "queue_full":
            return Unavailable(
                "With this, more runs would be pending than JOINSTREAM_MAX_PENDING_RUNS allows. "
                "Try again when some have started.",
                FULL_QUEUE_RETRY_SECONDS,
            )
        case "user_queue_full":
            return TooManyRequests(
                "With this, more of your runs would be pending than "
                "JOINSTREAM_MAX_PENDING_RUNS_PER_USER allows. Try again when some have started.",
                FULL_QUEUE_RETRY_SECONDS,
            )
        case _:
            return Conflict(
                f"Thread {new.thread_id} is busy with run {created.other_run}. Wait for it, cancel "
                "it, or choose multitask_strategy enqueue, interrupt or rollback."
            )
