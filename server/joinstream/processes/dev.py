"""`joinstream dev`: a parent that keeps the socket and replaces its child when files change."""

import asyncio
import socket
from pathlib import Path

import structlog
from watchfiles import awatch

from joinstream.processes.child import Child, start_child
from joinstream.processes.dev_options import DevOptions
from joinstream.processes.loops import result_unless, run_loop, within
from joinstream.processes.stop_signals import FROM_OUTSIDE, StopSignals
from joinstream.processes.watch import ProjectFilter

log = structlog.get_logger(__name__)

CHILD_MODULE = "joinstream.processes.dev_server"
PAUSE_AFTER_CRASH_SECONDS = 0.5


def run_with_reload(options: DevOptions, listener: socket.socket, grace_seconds: float) -> int:
    """Until SIGINT or SIGTERM, or until the first child does not get ready; the exit code."""
    return run_loop(_Reloader(options, listener, grace_seconds).run())


class _Reloader:
    def __init__(self, options: DevOptions, listener: socket.socket, grace_seconds: float) -> None:
        self._options = options
        self._grace_seconds = grace_seconds
        self._listener = listener
        self._signals = StopSignals()
        self._changed = asyncio.Event()

    async def run(self) -> int:
        self._signals.listen(*FROM_OUTSIDE)
        watching = asyncio.create_task(self._watch())
        try:
            return await self._replace_children()
        finally:
            watching.cancel()

    async def _replace_children(self) -> int:
        been_ready = False
        while not self._signals.requested.is_set():
            self._changed.clear()
            child = await self._start()
            code = await result_unless(child.ending, self._until_change_or_stop())
            been_ready = been_ready or child.was_ready
            if code is None:
                await child.stop(self._grace_seconds, self._signals)
            elif not been_ready:
                return code
            elif child.was_ready:
                log.error("the server ended and is started again", exit_code=code)
                await within(PAUSE_AFTER_CRASH_SECONDS, self._until_change_or_stop())
            else:
                log.info("waiting for a change")
                await self._until_change_or_stop()
        return 0

    async def _start(self) -> Child:
        options = {"listener": self._listener.fileno(), **self._options.to_json()}
        return await start_child(
            CHILD_MODULE,
            options,
            descriptors=(self._listener.fileno(),),
            own_session=False,  # so that a debugger in a graph can talk to the terminal
        )

    async def _until_change_or_stop(self) -> None:
        stopping = asyncio.ensure_future(self._signals.requested.wait())
        try:
            await result_unless(stopping, self._changed.wait())
        finally:
            stopping.cancel()

    async def _watch(self) -> None:
        config = self._options.config.absolute()
        relevant = ProjectFilter(config, (self._options.data_dir.absolute(),))
        async for changes in awatch(config.parent, watch_filter=relevant, recursive=True):
            names = sorted({Path(path).name for _, path in changes})
            log.info("files changed: starting anew", files=names)
            self._changed.set()
