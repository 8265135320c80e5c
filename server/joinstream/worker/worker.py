"""The worker: claims runs into its free slots and executes them.

Runs are looked for when somebody says there is one (a wake signal, an own slot becoming free) and,
as a safety net, every `poll_seconds`; on that clock, however busy the worker is, expired leases of
dead workers are taken over too, and runs are let go on that caps hold without need. A claim never
asks for more runs than there are free slots.
"""

import asyncio
import random
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

import structlog

from joinstream.domain.ids import RunId
from joinstream.domain.run_record import Run
from joinstream.domain.runs import is_suspect
from joinstream.errors import LeaseLost, RunHandedBack, Unavailable
from joinstream.observe import metrics
from joinstream.ports import Signals
from joinstream.ports.runs import CancelRequest, Claimant, RunQueue
from joinstream.worker.active_run import ActiveRun
from joinstream.worker.ending import stop_for
from joinstream.worker.execute import Executor
from joinstream.worker.lease_keeper import LeaseKeeper, OpenLeaseStore

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """`renew_seconds` and `poll_seconds` are means; both are jittered."""

    slots: int
    renew_seconds: float
    poll_seconds: float


class Worker:
    """Executes runs until drained. Lives in one event loop; `reserve_slot` and `submit` may be
    called from any thread."""

    def __init__(
        self,
        executor: Executor,
        queue: RunQueue,
        signals: Signals,
        claimant: Claimant,
        limits: WorkerLimits,
        open_lease_store: OpenLeaseStore,
        run_ended: Callable[[Run], None],
    ) -> None:
        self.claimant = claimant
        self._run_ended = run_ended
        self._executor = executor
        self._queue = queue
        self._signals = signals
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._keeper = LeaseKeeper(
            open_lease_store,
            claimant.lease_seconds,
            limits.renew_seconds,
            on_cancel=self._on_loop(self._cancel),
            on_lost=self._on_loop(self._lose),
        )
        self._active: dict[RunId, ActiveRun] = {}
        self._ended: list[Run] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._free_slots = limits.slots
        self._slot_lock = threading.Lock()
        self._look = asyncio.Event()
        self._draining = False

    # --- slots, from any thread -----------------------------------------------------------------

    def reserve_slot(self) -> bool:
        """Take a slot for a run that is about to be claimed for this worker.

        Not with caps: whether there is room, only `RunQueue.claim` can say.
        """
        if self.claimant.caps is not None:
            return False
        with self._slot_lock:
            if self._draining or self._free_slots <= 0:
                return False
            self._free_slots -= 1
            return True

    def return_slot(self) -> None:
        """Give back a slot that was reserved in vain."""
        self._free(1)
        self._loop.call_soon_threadsafe(self._look.set)

    def submit(self, run: Run) -> None:
        """Execute a run that was claimed for this worker, in a slot that was reserved."""
        metrics.CLAIMS.labels("creation").inc()
        self._loop.call_soon_threadsafe(self._start, run)

    def _free(self, slots: int) -> None:
        with self._slot_lock:
            self._free_slots += slots

    def _reserve_all(self) -> int:
        with self._slot_lock:
            reserved, self._free_slots = self._free_slots, 0
            return reserved

    # --- life -------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Claim and execute until `drain` was called and every run has ended or was handed back."""
        self._keeper.start()
        metrics.WORKER_SLOTS.inc(self._limits.slots)
        listening = asyncio.create_task(self._listen(), name="worker signals")
        touching = asyncio.create_task(self._touch_logs(), name="quiet logs")
        try:
            await self._claim_until_drained()
            while self._tasks:
                await asyncio.wait(self._tasks)
        finally:
            metrics.WORKER_SLOTS.dec(self._limits.slots)
            listening.cancel()
            touching.cancel()
            await asyncio.to_thread(self._keeper.stop)

    async def _touch_logs(self) -> None:
        """A run may be quiet for longer than its log is kept after the last event."""
        while True:
            await asyncio.sleep(self._executor.touch_seconds)
            for active in list(self._active.values()):
                await self._executor.touch_log(active.run)

    async def drain(self, grace_seconds: float) -> None:
        """Stop claiming; after the grace period hand unfinished runs back to the queue."""
        self._draining = True
        self._look.set()
        if self._tasks:
            log.info("draining", runs=len(self._tasks), grace_seconds=grace_seconds)
            await asyncio.wait(self._tasks, timeout=grace_seconds)
        for active in list(self._active.values()):
            active.stop(RunHandedBack("the worker is stopping"))
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._signals.wake_workers()

    async def _claim_until_drained(self) -> None:
        poll_at = 0.0
        while not self._draining:
            self._look.clear()
            if self._loop.time() >= poll_at and self._free_slots:
                if await self._take_over():
                    continue
                await self._open_held()
                poll_at = self._loop.time() + self._pause()
            if await self._claim():
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(self._pause()):
                    await self._look.wait()

    def _pause(self) -> float:
        return self._limits.poll_seconds * random.uniform(0.75, 1.25)

    async def _claim(self) -> int:
        """Claim into all free slots; how many runs were started."""
        slots = self._reserve_all()
        if not slots:
            return 0
        ended, self._ended = self._ended, []
        runs = await self._asked(self._queue.claim(self.claimant, slots, ended))
        metrics.CLAIMS.labels("queue").inc(len(runs))
        self._free(slots - len(runs))
        for run in runs:
            self._start(run)
        return len(runs)

    async def _take_over(self) -> int:
        """The same with runs of dead workers. A suspect occupies all slots that are free."""
        slots = self._reserve_all()
        if not slots:
            return 0
        idle = slots == self._limits.slots
        runs = await self._asked(self._queue.take_over(self.claimant, slots, idle=idle))
        metrics.CLAIMS.labels("takeover").inc(len(runs))
        if len(runs) == 1 and is_suspect(runs[0].attempt):
            self._start(runs[0], slots=slots)
            return 1
        self._free(slots - len(runs))
        for run in runs:
            self._start(run)
        return len(runs)

    async def _open_held(self) -> None:
        with suppress(Exception):  # the claim that follows says so
            await self._queue.open_held(self.claimant)

    async def _asked(self, claim: Awaitable[list[Run]]) -> list[Run]:
        """What was claimed. No answer ends the looking for runs: a later one may be another."""
        try:
            return await claim
        except Unavailable as error:
            log.warning("runs cannot be claimed", error=error.reason)
        except Exception:
            log.exception("runs cannot be claimed")
        await asyncio.sleep(random.uniform(0.1, 1.0))
        return []

    def _start(self, run: Run, *, slots: int = 1) -> None:
        active = ActiveRun(run)
        if self._draining:  # it was being claimed when the drain began
            active.stop(RunHandedBack("the worker is stopping"))
        if earlier := self._active.get(run.run_id):
            earlier.stop(LeaseLost("this worker itself has taken the run over"))
        self._active[run.run_id] = active
        self._keeper.keep(run)
        task = asyncio.create_task(self._execute(active, slots), name=f"execute {run.run_id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _execute(self, active: ActiveRun, slots: int) -> None:
        run, work_waits = active.run, True
        try:
            with (
                metrics.WORKER_SLOTS_TAKEN.track_inprogress(),
                structlog.contextvars.bound_contextvars(
                    run_id=str(run.run_id), thread_id=str(run.thread_id), attempt=run.attempt
                ),
            ):
                work_waits = await self._executor.execute(active) or slots > 1
        except Exception:
            log.exception("the run could not be ended; its lease will expire", run_id=run.run_id)
        finally:
            self._keeper.drop(run)
            if self._active.get(run.run_id) is active:  # it may have been claimed again here
                del self._active[run.run_id]
            self._free(slots)
            self._run_ended(run)
            if self.claimant.caps is not None:  # another run may wait for this one's place
                self._ended.append(run)
                work_waits = True
            if work_waits:
                self._look.set()

    # --- signals ----------------------------------------------------------------------------------

    async def _listen(self) -> None:
        async for signal in self._signals.listen():
            if signal.kind == "wake":
                self._look.set()
            elif signal.run_id in self._active:
                self._keeper.check_now()

    def _cancel(self, run_id: RunId, request: CancelRequest) -> None:
        if active := self._active.get(run_id):
            active.stop(stop_for(request))

    def _lose(self, run_id: RunId, epoch: int) -> None:
        active = self._active.get(run_id)
        if active and active.run.epoch == epoch:  # it may have been claimed again here
            active.stop(LeaseLost("the lease could not be renewed in time, or the run was taken"))

    def _on_loop(self, act: Callable[..., None]) -> Callable[..., None]:
        """The same call, made on the worker's loop from the keeper's thread."""

        def call(*arguments: object) -> None:
            self._loop.call_soon_threadsafe(act, *arguments)

        return call
