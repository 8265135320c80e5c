"""Keeps a child process alive."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from joinstream.observe.sharing import forget_process
from joinstream.processes.child import Child
from joinstream.processes.loops import result_unless, within
from joinstream.processes.stop_signals import StopSignals

log = structlog.get_logger(__name__)

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
STEADY_SECONDS = 60.0
"""A child that lived this long had started well: the pauses begin anew."""


async def keep_alive(
    name: str,
    start: Callable[[], Awaitable[Child]],
    signals: StopSignals,
    *,
    grace_seconds: float,
    first_pause_seconds: float = FIRST_PAUSE_SECONDS,
) -> None:
    """Start the child, and again whenever it ends, until `signals` ask to stop; then stop it."""
    loop = asyncio.get_running_loop()
    pause = first_pause_seconds
    while not signals.requested.is_set():
        started = loop.time()
        child = await start()
        code = await result_unless(child.ending, signals.requested.wait())
        if code is None:
            await child.stop(grace_seconds, signals)
            return
        forget_process(child.pid)
        if loop.time() - started > STEADY_SECONDS:
            pause = first_pause_seconds
        log.error("child ended and is started again", child=name, exit_code=code, pause=pause)
        await within(pause, signals.requested.wait())
        pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
