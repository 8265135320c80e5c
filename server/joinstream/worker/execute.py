"""Executes one claimed run, from its first event to its terminal status.

Order at the end, which joins rely on: flush the events, commit the terminal status, append `end`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from math import inf
from typing import Any, TypeVar

import structlog
from langchain_core.runnables import RunnableConfig

from joinstream.domain.events import FrameKind
from joinstream.domain.identity import user_of
from joinstream.domain.kwargs import RunKwargs
from joinstream.domain.run_record import Run
from joinstream.domain.thread_state import NO_STATE, ThreadState, thread_state
from joinstream.encoding import dumps
from joinstream.encryption.context import CONTEXT_KEY, encrypting_for
from joinstream.errors import (
    EncryptionFailed,
    LeaseLost,
    PayloadTooLarge,
    RunHandedBack,
    RunInterrupted,
    RunRolledBack,
    RunSetAside,
    Unavailable,
    Unprocessable,
)
from joinstream.event_streaming.timeline import PROTOCOL_RUN
from joinstream.observe import metrics
from joinstream.observe.tracing import graph_callbacks, run_has_ended, run_span
from joinstream.ports import EventLog, Retention
from joinstream.ports.checkpoints import Checkpoints
from joinstream.ports.runs import CancelRequest, Ending, Finished, RunQueue
from joinstream.project import Project
from joinstream.streams.publisher import RunPublisher
from joinstream.worker import ending
from joinstream.worker.active_run import ActiveRun
from joinstream.worker.encoders import encoder_of, is_event_streaming
from joinstream.worker.graph_call import GraphCall, graph_input, run_config
from joinstream.worker.left_behind import left_behind

log = structlog.get_logger(__name__)

T = TypeVar("T")

STOP_GRACE_SECONDS = 5.0
"""How long a cancelled graph may clean up before its run is ended without it."""

RETRY_SECONDS = 0.5
"""Between two tries while Postgres is away."""

_NOT_STORABLE = (EncryptionFailed, PayloadTooLarge, Unprocessable, TypeError, ValueError)
"""What storing an ending raises because of what is in it."""


@dataclass(frozen=True, slots=True)
class RunLimits:
    """Bounds of an execution, in seconds; `max_attempts` counts the first one."""

    timeout: float
    max_attempts: int
    default_recursion_limit: int | None
    short_retention: float
    resumable_retention: float
    log_all_runs: bool

    def retention(self, *, resumable: bool) -> Retention:
        """How long the run's event log is kept after its last event."""
        if resumable:
            return Retention(self.resumable_retention)
        return Retention(self.short_retention, logged=self.log_all_runs)


@dataclass(frozen=True, slots=True)
class Executor:
    """What executing runs needs; one for the whole worker."""

    queue: RunQueue
    events: EventLog
    checkpoints: Checkpoints
    project: Project
    limits: RunLimits

    async def execute(self, active: ActiveRun) -> bool:
        """Execute and end the run, whatever its graph does; whether other runs wait for a slot."""
        run = active.run
        _count_start(run)
        retention = self.limits.retention(resumable=run.kwargs["resumable"])
        publisher = RunPublisher(self.events, run.thread_id, run.run_id, run.epoch, retention)
        _announce(run, publisher)
        try:
            with metrics.RUN_SECONDS.time(), _run_span(run), _encrypting_for(run):
                return await _Execution(self, active, publisher).run_to_its_end()
        except LeaseLost as lost:
            metrics.LEASES_LOST.inc()
            log.warning("lease lost", reason=str(lost))
            return True
        finally:
            await publisher.close()
            metrics.EVENTS_DROPPED.inc(publisher.dropped)
            if publisher.dropped:
                await self.events.nudge(run.thread_id)  # the end may be among what was dropped

    @property
    def touch_seconds(self) -> float:
        """How often the logs of executing runs must be touched, so that none expires."""
        return min(self.limits.short_retention, self.limits.resumable_retention) / 3

    async def touch_log(self, run: Run) -> None:
        """Keep the log of a run that has been quiet for long; Redis being away is no matter."""
        with suppress(ConnectionError):
            retention = self.limits.retention(resumable=run.kwargs["resumable"])
            await self.events.touch(run.thread_id, retention)


class _Execution:
    """One attempt of one run."""

    def __init__(self, executor: Executor, active: ActiveRun, publisher: RunPublisher) -> None:
        self._parts = executor
        self._active = active
        self._run = active.run
        self._kwargs: RunKwargs = active.run.kwargs  # type: ignore[assignment]  # stored by us
        self._publisher = publisher
        self._encoder = encoder_of(active.run, publisher)
        self._state = NO_STATE

    async def run_to_its_end(self) -> bool:
        self._encoder.begin(await left_behind(self._run, self._parts.events))
        try:
            await self._drive_graph()
            outcome = ending.success(self._encoder.output, self._state)
        except (LeaseLost, Unavailable, asyncio.CancelledError):
            raise  # Postgres was away for too long: no failure of the run, which is taken over
        except RunHandedBack:
            await self._hand_back()
            return True
        except RunInterrupted as stop:
            outcome = await self._cancelled(CancelRequest("interrupt", str(stop)))
        except RunRolledBack as stop:
            outcome = await self._cancelled(CancelRequest("rollback", str(stop)))
        except RunSetAside as stop:
            log.warning("run set aside", reason=str(stop))
            outcome = ending.set_aside(stop, await self._read_state())
        except BaseException as error:
            log.warning("run failed", exc_info=error)
            outcome = ending.failed(error, await self._read_state())
        return await self._end(outcome)

    async def _drive_graph(self) -> None:
        """Execute the graph. Raises its error, or the reason why it was stopped."""
        self._refuse_if_over()
        execution = asyncio.create_task(self._stream_graph(), name=f"run {self._run.run_id}")
        self._active.executes_in(execution)
        await self._active.wait_until_over(
            execution,
            timeout=min(self._run.timeout_seconds or inf, self._parts.limits.timeout),
            grace=STOP_GRACE_SECONDS,
        )
        if self._active.stop_reason is not None:
            raise self._active.stop_reason
        if execution.cancelled():
            raise RuntimeError("a node raised CancelledError")
        await execution

    def _refuse_if_over(self) -> None:
        """A run can be claimed only to be ended: it was cancelled, or its workers keep dying."""
        run = self._run
        if run.cancel_action is not None:
            raise ending.stop_for(CancelRequest(run.cancel_action, run.cancel_reason))
        if run.tries > self._parts.limits.max_attempts:
            metrics.ATTEMPTS_USED_UP.inc()
            raise ending.attempts_used_up(run)

    async def _stream_graph(self) -> None:
        run, kwargs, parts = self._run, self._kwargs, self._parts
        resuming = run.attempt > 1 and await self._has_checkpoint()
        config = self._config(resuming=resuming)
        config["callbacks"] = graph_callbacks()
        saver = None
        if not run.temporary:
            asked = config["configurable"]
            await self._insist(lambda: parts.checkpoints.require(run.thread_id, asked))
            saver = parts.checkpoints.fenced_saver(run.run_id, run.epoch)
        async with parts.project.open_graph(
            run.graph_id,
            config=config,
            access_context="threads.create_run",
            user=user_of(config["configurable"]),
            context=kwargs["context"],
            checkpointer=saver,
        ) as graph:
            given = graph_input(kwargs, resuming=resuming)
            call = GraphCall(graph, given, config, kwargs, durable=saver is not None)
            async for event in self._encoder.source(call):
                self._encoder.encode(event)
                if self._publisher.is_full:
                    await self._publisher.wait_for_room()
            if saver is not None:
                self._state = thread_state(await graph.aget_state(_thread_config(run)))

    def _config(self, *, resuming: bool) -> RunnableConfig:
        return run_config(
            self._run,
            self._kwargs,
            name=self._parts.project.assistant_name(self._run.graph_id),
            default_recursion_limit=self._parts.limits.default_recursion_limit,
            resuming=resuming,
        )

    async def _has_checkpoint(self) -> bool:
        run, checkpoints = self._run, self._parts.checkpoints
        return not run.temporary and await self._insist(
            lambda: checkpoints.has_checkpoint_of_run(run.thread_id, run.run_id)
        )

    async def _read_state(self) -> ThreadState:
        """The state after a failure or a cancel; a graph that cannot tell changes nothing."""
        if self._run.temporary:
            return NO_STATE
        return await self._insist(self._read_state_once)

    async def _read_state_once(self) -> ThreadState:
        try:
            async with self._parts.project.open_graph(
                self._run.graph_id,
                config=self._config(resuming=True),
                access_context="threads.read",
                user=user_of(self._kwargs["config"]["configurable"]),
                checkpointer=self._parts.checkpoints.saver(),
            ) as graph:
                return thread_state(await graph.aget_state(_thread_config(self._run)))
        except Unavailable:
            raise
        except Exception as error:
            log.warning("state after the run cannot be read", exc_info=error)
            return NO_STATE

    async def _cancelled(self, cancel: CancelRequest) -> Ending:
        run = self._run
        if cancel.action == "rollback" and not run.temporary:
            delete = self._parts.checkpoints.delete_of_run
            await self._insist(lambda: delete(run.thread_id, run.run_id))
        state = await self._read_state()
        return ending.cancelled(
            cancel.action, cancel.reason or "cancelled", self._encoder.output, state
        )

    async def _end(self, outcome: Ending) -> bool:
        if outcome.error is not None:
            self._publisher.emit(FrameKind.ERROR, "error", "error", 0, dumps(outcome.error))
        await self._publisher.flush()
        outcome, finished = await self._stored(outcome)
        if finished.outcome == "cancelled" and finished.cancel is not None:
            outcome, finished = await self._stored(await self._cancelled(finished.cancel))
        if finished.outcome == "lost":
            raise LeaseLost("the run was ended or claimed by somebody else")
        self._encoder.end(outcome)
        end = {"run_id": self._run.run_id, "status": outcome.status}
        self._publisher.emit(FrameKind.END, "end", "end", 0, dumps(end))
        await self._publisher.flush()
        metrics.RUN_ENDS.labels(self._run.graph_id, outcome.status).inc()
        run_has_ended(outcome.status, outcome.error)
        log.info("run ended", status=outcome.status)
        return finished.work_waits

    async def _stored(self, outcome: Ending) -> tuple[Ending, Finished]:
        """Commit the ending; of one that cannot be stored, only that, so that the run is over."""
        try:
            return outcome, await self._finish(outcome)
        except _NOT_STORABLE as error:
            log.warning("run's end cannot be stored", exc_info=error)
            instead = ending.not_storable(outcome, error)
            self._publisher.emit(FrameKind.ERROR, "error", "error", 0, dumps(instead.error))
            await self._publisher.flush()
            return instead, await self._finish(instead)

    async def _finish(self, outcome: Ending) -> Finished:
        return await self._insist(lambda: self._parts.queue.finish(self._run, outcome))

    async def _insist(self, act: Callable[[], Awaitable[T]]) -> T:
        """Do what may be repeated; while Postgres is away, until the lease is gone."""
        while True:
            try:
                return await act()
            except Unavailable:
                if isinstance(self._active.stop_reason, LeaseLost):
                    raise self._active.stop_reason from None
                await asyncio.sleep(RETRY_SECONDS)

    async def _hand_back(self) -> None:
        self._encoder.hand_back()
        await self._publisher.flush()
        if await self._parts.queue.release(self._run):
            metrics.RUNS_HANDED_BACK.inc()
            log.info("run handed back")


def _encrypting_for(run: Run) -> AbstractContextManager[None]:
    """What the run stores is encrypted as for the request that created it."""
    return encrypting_for(run.kwargs.get(CONTEXT_KEY))


def _run_span(run: Run) -> AbstractContextManager[None]:
    return run_span(
        run.kwargs["config"]["configurable"],
        run_id=run.run_id,
        thread_id=run.thread_id,
        attempt=run.attempt,
        graph_id=run.graph_id,
        assistant_id=run.assistant_id,
    )


def _count_start(run: Run) -> None:
    metrics.RUN_ATTEMPTS.inc()
    if run.attempt == 1 and run.started_at is not None:
        waited = run.started_at - run.run_after
        metrics.FIRST_WAIT_SECONDS.observe(max(waited.total_seconds(), 0))


def _announce(run: Run, publisher: RunPublisher) -> None:
    data = {"run_id": run.run_id, "attempt": run.attempt}
    mode = PROTOCOL_RUN if is_event_streaming(run) else "metadata"
    publisher.emit(FrameKind.METADATA, "metadata", mode, 0, dumps(data))


def _thread_config(run: Run) -> Any:
    return {"configurable": {"thread_id": str(run.thread_id), "checkpoint_ns": ""}}
