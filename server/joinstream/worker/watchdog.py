"""Notices a graph that blocks the worker's event loop, and says where it stands."""

import asyncio
import sys
import threading
import time
import traceback
from collections.abc import Callable

import structlog

log = structlog.get_logger(__name__)

BEAT_SECONDS = 0.5


class LoopWatchdog:
    """Watches one loop from a thread of its own.

    Logs the blocking stack once a blockage, after `warn_after` s; after `give_up_after` s (None:
    never) calls `give_up`, which is expected to end the process.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        warn_after: float = 2.0,
        give_up_after: float | None = None,
        give_up: Callable[[], None] = lambda: None,
    ) -> None:
        self._loop = loop
        self._loop_thread = threading.get_ident()
        self._warn_after = warn_after
        self._give_up_after = give_up_after
        self._give_up = give_up
        self._stop = threading.Event()
        self._last_beat = time.monotonic()

    def start(self) -> None:
        """Call this in the loop's own thread."""
        threading.Thread(target=self._watch, name="loop-watchdog", daemon=True).start()

    def stop(self) -> None:
        self._stop.set()

    def _beat(self) -> None:
        self._last_beat = time.monotonic()

    def _watch(self) -> None:
        warned = False
        while not self._stop.wait(BEAT_SECONDS):
            silent = time.monotonic() - self._last_beat
            if silent < self._warn_after:
                warned = False
            elif not warned:
                warned = True
                log.warning("a graph blocks the event loop", seconds=silent, stack=self._stack())
            if self._give_up_after is not None and silent > self._give_up_after:
                log.error("the event loop stays blocked; the worker gives up", seconds=silent)
                self._give_up()
            self._call_loop()

    def _call_loop(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._beat)
        except RuntimeError:
            self._stop.set()  # the loop is closed

    def _stack(self) -> str:
        frame = sys._current_frames().get(self._loop_thread)
        return "".join(traceback.format_stack(frame)[-6:]) if frame else "unknown"
