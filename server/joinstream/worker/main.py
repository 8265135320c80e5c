"""Wires a worker, and runs it: as a process of its own, or in a thread of `joinstream dev`."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import asyncpg
import structlog

from joinstream.backends import Backends, database_uri, open_backends
from joinstream.domain.ids import new_run_id
from joinstream.domain.run_record import Run
from joinstream.ports.runs import Claimant, LeaseStore
from joinstream.project import Project
from joinstream.settings import Settings
from joinstream.store.addresses import asyncpg_address
from joinstream.store.database import Database
from joinstream.store.pool import statement_cache_size
from joinstream.store.runs import PostgresRuns
from joinstream.worker.duties import sending_webhooks, sweeping
from joinstream.worker.execute import Executor, RunLimits
from joinstream.worker.guards import guard_tasks
from joinstream.worker.watchdog import LoopWatchdog
from joinstream.worker.worker import Worker, WorkerLimits

log = structlog.get_logger(__name__)

BLOCKED_LOOP_GIVE_UP_SECONDS = 30.0
"""After this a worker process whose loop a graph blocks exits, so that its other runs move on."""

SHORT_RETENTION_SECONDS = 120.0
"""Event logs of runs that did not ask to be resumable: enough for reconnects and Redis blips."""


def make_worker(
    settings: Settings,
    project: Project,
    backends: Backends,
    run_ended: Callable[[Run], None] = lambda _: None,
) -> Worker:
    """A worker for the running event loop. It calls `run_ended` with each run it has executed."""

    @asynccontextmanager
    async def open_lease_store() -> AsyncIterator[LeaseStore]:
        connection = await asyncpg.connect(
            **asyncpg_address(database_uri(settings)),
            timeout=5,
            command_timeout=5,
            statement_cache_size=statement_cache_size(settings.prepared_statements),
        )
        try:
            yield PostgresRuns(Database(connection))
        finally:
            connection.terminate()

    limits = RunLimits(
        timeout=settings.bg_job_timeout_secs,
        max_attempts=settings.bg_job_max_retries + 1,
        default_recursion_limit=settings.langgraph_default_recursion_limit,
        short_retention=SHORT_RETENTION_SECONDS,
        resumable_retention=settings.resumable_stream_ttl_seconds,
        log_all_runs=settings.stream_log == "always",
    )
    return Worker(
        Executor(
            backends.runs,
            backends.bus.events,
            backends.checkpoints,
            project.with_store(backends.store),
            limits,
        ),
        backends.runs,
        backends.bus.signals,
        Claimant(_worker_name(), settings.lease_seconds, project.graph_ids, settings.caps),
        WorkerLimits(
            settings.n_jobs_per_worker, settings.lease_renew_seconds, settings.poll_seconds
        ),
        open_lease_store,
        run_ended,
    )


def _worker_name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}:{new_run_id().hex[-6:]}"


@asynccontextmanager
async def running_worker(
    settings: Settings, project: Project, backends: Backends, *, watchdog: LoopWatchdog
) -> AsyncIterator[Worker]:
    """Run a worker beside the body; at the end of the body it is drained."""
    loop = asyncio.get_running_loop()
    guard_tasks(loop)
    watchdog.start()
    async with (
        sending_webhooks(settings, project, backends) as webhooks,
        sweeping(settings, project, backends),
    ):
        worker = make_worker(settings, project, backends, webhooks.run_ended)
        working = asyncio.create_task(worker.run(), name="worker")
        try:
            yield worker
            await worker.drain(settings.bg_job_shutdown_grace_period_secs)
            await working
        finally:
            working.cancel()
            watchdog.stop()


async def run_worker_process(
    settings: Settings,
    project: Project,
    *,
    beside: Callable[[Backends], AbstractAsyncContextManager[None]],
) -> None:
    """Work until SIGTERM or SIGINT, then drain; a second signal exits at once.

    `beside` is entered before the work begins, and left when all of it is done.
    """
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()

    def stop() -> None:
        if stopping.is_set():
            log.warning("second signal: exiting now; leases of unfinished runs will expire")
            os._exit(1)
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    watchdog = LoopWatchdog(
        loop, give_up_after=BLOCKED_LOOP_GIVE_UP_SECONDS, give_up=lambda: os._exit(70)
    )
    async with (
        open_backends(settings, project, application_name="joinstream worker") as backends,
        beside(backends),
        running_worker(settings, project, backends, watchdog=watchdog) as worker,
    ):
        log.info("worker ready", worker=worker.claimant.worker, slots=settings.n_jobs_per_worker)
        await stopping.wait()
