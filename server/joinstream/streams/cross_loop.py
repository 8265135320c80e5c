"""Calls from any event loop into another one, in order, with one wake-up for many of them."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

Call = tuple[Callable[..., None], tuple[Any, ...]]


class LoopMailbox:
    """Runs calls in one event loop: at once when already there, else batched in its next turn."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._lock = threading.Lock()
        self._calls: list[Call] = []

    def post(self, function: Callable[..., None], *arguments: Any) -> None:
        """A closed loop has nobody left to call: what is posted to it vanishes."""
        if asyncio.get_running_loop() is self._loop:
            function(*arguments)
            return
        with self._lock:
            self._calls.append((function, arguments))
            if len(self._calls) > 1:
                return
        try:
            self._loop.call_soon_threadsafe(self._run_all)
        except RuntimeError:
            self._calls.clear()

    def _run_all(self) -> None:
        with self._lock:
            calls, self._calls = self._calls, []
        for function, arguments in calls:
            function(*arguments)
