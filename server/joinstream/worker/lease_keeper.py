"""Renews the leases of a worker's runs, from a thread of its own.

A graph that blocks the worker's event loop must not lose its lease, so the keeper has its own
thread, event loop and database connection. It trusts a lease for all but its last sixth, counted by
the monotonic clock from the *start* of the last renewal that succeeded: by the time Postgres lets
another worker have the run, this one has stopped.

The answer to a renewal also carries cancel requests, so that a lost nudge cannot lose a cancel.
"""

import asyncio
import random
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

import structlog

from joinstream.domain.ids import RunId
from joinstream.domain.run_record import Run
from joinstream.ports.runs import CancelRequest, LeaseStore

log = structlog.get_logger(__name__)

TRUSTED_PART = 5 / 6
RENEW_JITTER = 0.25

OpenLeaseStore = Callable[[], AbstractAsyncContextManager[LeaseStore]]


@dataclass(slots=True)
class _Lease:
    epoch: int
    renewed_at: float


@dataclass(slots=True)
class LeaseKeeper:
    """Keeps leases until they are dropped.

    `on_cancel(run_id, request)` and `on_lost(run_id, epoch)` are called from the keeper's thread.
    `open_store` makes the keeper's own connection; it is opened again after every failure.
    """

    open_store: OpenLeaseStore
    lease_seconds: float
    renew_seconds: float
    on_cancel: Callable[[RunId, CancelRequest], None]
    on_lost: Callable[[RunId, int], None]
    _leases: dict[RunId, _Lease] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stop: threading.Event = field(default_factory=threading.Event)
    _poke: Callable[[], object] = field(default=lambda: None)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._main, name="lease-keeper", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._poke()
        if self._thread is not None:
            self._thread.join()

    def keep(self, run: Run) -> None:
        """Renew this claim's lease from now on."""
        with self._lock:
            self._leases[run.run_id] = _Lease(run.epoch, time.monotonic())

    def drop(self, run: Run) -> None:
        """Renew it no more; a later claim of the same run is another lease."""
        with self._lock:
            lease = self._leases.get(run.run_id)
            if lease is not None and lease.epoch == run.epoch:
                del self._leases[run.run_id]

    def check_now(self) -> None:
        """Renew at once, to learn of a cancel request that was just announced."""
        self._poke()

    def _main(self) -> None:
        asyncio.run(self._keep_renewing())

    async def _keep_renewing(self) -> None:
        loop, poked = asyncio.get_running_loop(), asyncio.Event()
        self._poke = lambda: loop.call_soon_threadsafe(poked.set)
        while not self._stop.is_set():
            try:
                async with self.open_store() as store:
                    await self._renew_on_the_clock(store, poked)
            except Exception as error:
                log.warning("leases cannot be renewed", error=str(error) or type(error).__name__)
                self._give_up_untrusted()
                await _wait(poked, 1.0)
        self._poke = lambda: None

    async def _renew_on_the_clock(self, store: LeaseStore, poked: asyncio.Event) -> None:
        while not self._stop.is_set():
            await self._within_trust(self._renew(store))
            pause = self.renew_seconds * random.uniform(1 - RENEW_JITTER, 1 + RENEW_JITTER)
            await _wait(poked, pause)

    async def _within_trust(self, renewal: Awaitable[None]) -> None:
        """A renewal that hangs is given up in time to end the runs before their leases expire."""
        await asyncio.wait_for(renewal, max(1.0, self.renew_seconds / 2))

    async def _renew(self, store: LeaseStore) -> None:
        with self._lock:
            held = [(run_id, lease.epoch) for run_id, lease in self._leases.items()]
        if not held:
            return
        started = time.monotonic()
        renewed = await store.renew(held, self.lease_seconds)
        for run_id, epoch in held:
            if run_id not in renewed:
                self._lose(run_id, epoch)
                continue
            with self._lock:
                if lease := self._leases.get(run_id):
                    lease.renewed_at = started
            if request := renewed[run_id]:
                self.on_cancel(run_id, request)

    def _give_up_untrusted(self) -> None:
        deadline = time.monotonic() - self.lease_seconds * TRUSTED_PART
        with self._lock:
            lost = [(i, le.epoch) for i, le in self._leases.items() if le.renewed_at < deadline]
        for run_id, epoch in lost:
            self._lose(run_id, epoch)

    def _lose(self, run_id: RunId, epoch: int) -> None:
        """The run may have ended, or have been claimed again here, since the renewal began."""
        with self._lock:
            lease = self._leases.get(run_id)
            if lease is None or lease.epoch != epoch:
                return
            del self._leases[run_id]
        self.on_lost(run_id, epoch)


async def _wait(poked: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(poked.wait(), seconds)
    except TimeoutError:
        return
    finally:
        poked.clear()
