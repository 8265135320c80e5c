"""Reading a run's events: by whoever created it, and by whoever joins."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from joinstream.domain.ids import RunId, ThreadId
from joinstream.domain.queue_position import QueuePosition
from joinstream.domain.run_record import NewRun, Run, RunKey
from joinstream.domain.runs import CancelAction, RunStatus
from joinstream.ports import EventHub, EventLog, Subscription
from joinstream.ports.runs import RunStore
from joinstream.services.run_creation import RunCreation
from joinstream.services.runs import Runs
from joinstream.services.shared_looks import SharedLooks
from joinstream.services.waiting import PATIENCE_SECONDS, telling_position
from joinstream.streams.join import Cursor, StreamItem, follow, now_in

ReadValues = Callable[[ThreadId], Awaitable[Any]]
"""The values at a thread's last checkpoint."""


@dataclass(slots=True)
class RunStream:
    """An open subscription to a run's events after `cursor`; `close` it when done."""

    run: Run
    cursor: Cursor
    items: AsyncIterator[StreamItem | QueuePosition]
    _open: AsyncExitStack

    async def close(self) -> None:
        await self._open.aclose()


class Outcome(NamedTuple):
    """How a run stands, as `Result` has it. `is_own` says that the output is what the run gave, and
    not what its thread holds now."""

    status: RunStatus
    output: Any
    error: dict[str, Any] | None
    is_own: bool = True


@dataclass(slots=True)
class RunStreams:
    """The use cases of run streams."""

    creation: RunCreation
    runs: Runs
    store: RunStore
    events: EventLog
    hub: EventHub
    read_values: ReadValues
    heartbeat_seconds: float = 5.0
    _ended: SharedLooks[RunId, bool] = field(init=False)
    _begun: SharedLooks[RunId, bool] = field(init=False)

    def __post_init__(self) -> None:
        self._ended = SharedLooks(self.runs.has_ended)
        self._begun = SharedLooks(self.store.has_begun)

    async def create(
        self, new: NewRun, key: RunKey | None = None, *, only_end: bool = False
    ) -> RunStream:
        """Create the run with its stream: subscribe first, so that no event can be missed.

        A run that the key has created before is joined, from its start on.
        `only_end`, here and in `join`: no more is wanted than to learn when the run is over.
        """
        async with AsyncExitStack() as stack:
            subscription = await stack.enter_async_context(self.hub.subscribe(new.thread_id))
            cursor: Cursor = "start" if new.temporary else await self._top(new.thread_id)
            run, repeated = await self.creation.create(new, key)
            if not repeated:
                return self._stream(
                    run, cursor, subscription, stack.pop_all(), is_new=True, only_end=only_end
                )
        return await self.join(run, "now" if only_end else "start", only_end=only_end)

    async def join(self, run: Run, cursor: Cursor, *, only_end: bool = False) -> RunStream:
        """Follow a run from the cursor on; one that has ended gives what the log still holds.

        From "now" on, nothing is missed that is produced after this has returned.
        """
        async with AsyncExitStack() as stack:
            subscription = await stack.enter_async_context(self.hub.subscribe(run.thread_id))
            if cursor == "now":
                cursor = await now_in(self.events, run.thread_id)
            return self._stream(run, cursor, subscription, stack.pop_all(), only_end=only_end)

    async def cancel(self, run: Run, action: CancelAction, reason: str) -> RunStream:
        """Ask the run to stop, and follow it to its end. Raises NotFound when it is over."""
        async with AsyncExitStack() as stack:
            subscription = await stack.enter_async_context(self.hub.subscribe(run.thread_id))
            cursor = await self._top(run.thread_id)
            await self.runs.cancel(run, action, reason)
            return self._stream(run, cursor, subscription, stack.pop_all(), only_end=True)

    async def result(self, run: Run) -> Any:
        """What came of a run that is over: its output, or `{"__error__": …}` when it failed.

        Outputs are kept for a while only; after that it is the thread's current values. `{}` when
        there is neither.
        """
        outcome = await self.outcome(run)
        if outcome is not None and outcome.error is not None:
            return {"__error__": outcome.error}
        if outcome is not None and outcome.output is not None:
            return outcome.output
        return {}

    async def outcome(self, run: Run) -> Outcome | None:
        """How the run stands; None when it is gone: rolled back, or deleted.

        An output that is no longer kept is replaced by the thread's current values.
        """
        result = await self.store.result(run.run_id)
        if result is None:
            return None
        outcome = Outcome(*result)
        if result.output is not None or result.error is not None:
            return outcome
        if run.temporary or result.status == "interrupted":
            return outcome
        values = await self.read_values(run.thread_id) or {}
        return outcome._replace(output=values, is_own=False)

    async def current_values(self, run: Run) -> Any:
        """The run's own output once there is one, until then its thread's values.

        None while a stateless run executes, and when its output is no longer kept.
        """
        result = await self.store.result(run.run_id)
        if result is not None and result.output is not None:
            return result.output
        return None if run.temporary else await self.read_values(run.thread_id)

    async def final_status(self, run: Run) -> str:
        """How the run ended; one that is gone was rolled back, by a cancel or a deletion."""
        return await self.store.status(run.run_id) or "rollback"

    async def _top(self, stream: ThreadId) -> Cursor:
        try:
            return await self.events.top(stream) or "start"
        except ConnectionError:
            return "start"

    def _stream(
        self,
        run: Run,
        cursor: Cursor,
        subscription: Subscription,
        stack: AsyncExitStack,
        *,
        is_new: bool = False,
        only_end: bool = False,
    ) -> RunStream:
        events = follow(
            self.events,
            subscription,
            stream=run.thread_id,
            run_id=run.run_id,
            cursor=cursor,
            has_ended=lambda: self._ended.of(run.run_id),
            has_begun=lambda: self._begun.of(run.run_id),
            heartbeat=self.heartbeat_seconds,
            is_new=is_new,
            log_patience=0 if only_end else None,
            end_epoch=run.end_epoch,
        )
        if run.status != "pending" or only_end:
            return RunStream(run, cursor, events, stack)
        items = telling_position(
            events,
            lambda: self.store.queue_position(run.run_id),
            patience=0 if run.blocked else PATIENCE_SECONDS,
        )
        return RunStream(run, cursor, items, stack)
