"""Addresses of parts: which stretches of which logs a value is made of. Pure arithmetic.

Parts of one value mostly follow one another in one log, so they are written down as runs.
"""

from collections.abc import Iterable, Iterator, Sequence
from secrets import randbits
from typing import NamedTuple


class Address(NamedTuple):
    """The place of one part within its thread."""

    log: int
    seq: int


class Run(NamedTuple):
    """Parts `first` to `last`, both included, of one log."""

    log: int
    first: int
    last: int


class Log:
    """Where the parts of one channel are appended. Its id is random, so nobody else has it."""

    def __init__(self, log: int, end: int) -> None:
        self._log = log
        self._end = end

    @classmethod
    def fresh(cls) -> "Log":
        return cls(randbits(63), 0)

    @classmethod
    def after(cls, runs: Sequence[Run]) -> "Log":
        """The log of the last run, from the first place that these runs do not use."""
        log = runs[-1].log
        return cls(log, max(run.last for run in runs if run.log == log) + 1)

    def append(self, count: int) -> Run:
        """The addresses of the next `count` parts."""
        run = Run(self._log, self._end, self._end + count - 1)
        self._end += count
        return run


def joined(runs: Iterable[Run]) -> list[Run]:
    """The same parts in as few runs as possible."""
    result: list[Run] = []
    for run in runs:
        if result and result[-1].log == run.log and result[-1].last + 1 == run.first:
            result[-1] = result[-1]._replace(last=run.last)
        else:
            result.append(run)
    return result


def section(runs: Iterable[Run], start: int, stop: int) -> Iterator[Run]:
    """The runs of the parts from position `start` up to, not including, `stop`."""
    position = 0
    for run in runs:
        length = run.last - run.first + 1
        first = max(start - position, 0)
        end = min(stop - position, length)
        if first < end:
            yield Run(run.log, run.first + first, run.first + end - 1)
        position += length


def addresses(runs: Iterable[Run]) -> Iterator[Address]:
    """Every part, in order."""
    for log, first, last in runs:
        for seq in range(first, last + 1):
            yield Address(log, seq)


def flattened(runs: Iterable[Run]) -> list[int]:
    """As stored in a `part_runs` column: log, first, last, log, first, last, …"""
    return [number for run in runs for number in run]


def unflattened(numbers: Sequence[int]) -> list[Run]:
    """The reverse of `flattened`."""
    return [Run(*numbers[at : at + 3]) for at in range(0, len(numbers), 3)]
