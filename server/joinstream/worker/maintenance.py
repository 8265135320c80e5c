"""Removes what has served its time: runs and their outputs, threads, items, and logs.

Every worker does it; the statements touch few rows each and do no harm when they meet.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from joinstream.errors import Unavailable
from joinstream.ports.runs import RunQueue
from joinstream.ports.threads import ThreadSweeps

log = structlog.get_logger(__name__)

PERIOD_SECONDS = 15.0
BATCH_ROWS = 500
OUTPUT_RETENTION_SECONDS = 3600.0
"""How long a run's own output can be asked for; later, its thread's values answer."""


@dataclass(frozen=True, slots=True)
class ThreadRetention:
    """When threads are swept, the most that one sweep touches, and the checkpoints they keep."""

    period_seconds: float
    most_threads: int
    keep_checkpoints: int | None


async def sweep_runs_forever(queue: RunQueue, temporary_retention: float) -> None:
    """Sweep on the clock, and again at once while there is more."""

    async def sweep() -> None:
        touched = BATCH_ROWS
        while touched >= BATCH_ROWS:
            touched = await queue.sweep(temporary_retention, OUTPUT_RETENTION_SECONDS, BATCH_ROWS)

    await _forever(sweep, PERIOD_SECONDS)


async def sweep_threads_forever(threads: ThreadSweeps, retention: ThreadRetention) -> None:
    """Sweep on the clock."""

    async def sweep() -> None:
        ended = await threads.end_expired(retention.most_threads)
        thinned = 0
        if retention.keep_checkpoints is not None:
            thinned = await threads.thin_out(retention.keep_checkpoints, retention.most_threads)
        if ended or thinned:
            log.info("threads swept", expired=ended, thinned_out=thinned)

    await _forever(sweep, retention.period_seconds)


async def sweep_rows_forever(sweep: Callable[[int], Awaitable[int]], period_seconds: float) -> None:
    """Sweep on the clock, and again at once while there is more.

    `sweep` takes the most rows to remove, and says how many it has removed.
    """

    async def sweep_all() -> None:
        while await sweep(BATCH_ROWS) >= BATCH_ROWS:
            pass

    await _forever(sweep_all, period_seconds)


async def _forever(sweep: Callable[[], Awaitable[None]], period: float) -> None:
    while True:
        try:
            await sweep()
        except Unavailable as error:
            log.warning("old runs and threads cannot be removed", error=error.reason)
        except Exception:
            log.exception("a sweep failed; the next one starts afresh")
        await asyncio.sleep(period * random.uniform(0.75, 1.25))
