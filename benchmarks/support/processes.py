"""CPU and memory of a process with all its descendants."""

import contextlib
from collections.abc import Callable

import psutil


class ProcessTree:
    """The tree under `root`, without the trees under `apart`, which have meters of their own."""

    def __init__(self, root: int, apart: tuple[int, ...] = ()) -> None:
        self._root = psutil.Process(root)
        self._apart = apart

    def cpu_seconds(self) -> float:
        """User and system time so far, of ended and waited-for children too."""
        return self._total(lambda process: sum(process.cpu_times()[:4]))

    def resident_bytes(self) -> float:
        """Resident memory; a page that several processes share counts once for each."""
        return self._total(lambda process: process.memory_info().rss)

    def proportional_bytes(self) -> float:
        """Resident memory in which a shared page counts once in all. Linux only."""
        return self._total(lambda process: process.memory_full_info().pss)

    def _total(self, measure: Callable[[psutil.Process], float]) -> float:
        total = 0.0
        pending = [self._root]
        while pending:
            process = pending.pop()
            with contextlib.suppress(psutil.NoSuchProcess):
                total += measure(process)
                pending += [child for child in process.children() if child.pid not in self._apart]
        return total
