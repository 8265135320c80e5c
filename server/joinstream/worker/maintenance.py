"""Removes what has served its time: ended stateless runs, outputs of old runs, expired threads.

Every worker does it; the statements touch few rows each and do no harm when they meet.
"""

import asyncio
import random

import structlog

from joinstream.errors import Unavailable
from joinstream.ports.runs import RunQueue
from joinstream.ports.threads import ThreadStore

log = structlog.get_logger(__name__)

PERIOD_SECONDS = 15.0
BATCH_ROWS = 500
OUTPUT_RETENTION_SECONDS = 3600.0
"""How long a run's own output can be asked for; later, its thread's values answer."""


async def sweep_forever(queue: RunQueue, threads: ThreadStore, temporary_retention: float) -> None:
    """Sweep on the clock, and again at once while there is more."""
    while True:
        try:
            touched = await queue.sweep(temporary_retention, OUTPUT_RETENTION_SECONDS, BATCH_ROWS)
            touched += await threads.sweep_expired(BATCH_ROWS)
        except Unavailable as error:
            log.warning("old runs and threads cannot be removed", error=error.detail)
            touched = 0
        if touched < BATCH_ROWS:
            await asyncio.sleep(PERIOD_SECONDS * random.uniform(0.75, 1.25))
