"""From the command to its ready line and to the first run's answer, and the memory it takes.

The `first` start of `dev` has to make its Postgres; warm ones find it. Warm times are medians.
"""

import statistics
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from typing import NamedTuple

from benchmarks.support.http import connections
from benchmarks.support.lab import Lab
from benchmarks.support.measurement import Aim, Measurement, Mode, Unit
from benchmarks.support.servers import (
    Server,
    data_folder,
    dev_server,
    running_backing,
    serve_server,
)
from benchmarks.waits import answer_runs

WARM_STARTS = 3
RUNS = 1000
CLIENTS = 10
READY_AIM = Aim(3.0, "< 3 s")

Start = Callable[[], AbstractContextManager[Server]]


class Memory(NamedTuple):
    """Bytes: of joinstream's processes, and of what stands behind them."""

    server: float
    postgres: float


class Life(NamedTuple):
    """What one start showed; times in seconds from the start."""

    ready: float
    first_answer: float
    after_one_run: Memory
    after_runs: Memory | None


async def run(lab: Lab) -> AsyncIterator[Measurement]:
    for mode in lab.modes:
        with ExitStack() as closing:
            start = _starter(mode, closing)
            first = await _live(start, runs=0)
            if mode == "dev":
                yield _measurement("ready, first start", mode, first.ready)
            warm = [await _live(start, runs=0) for _ in range(WARM_STARTS - 1)]
            warm.append(await _live(start, runs=RUNS))
            for measurement in _of_warm_starts(mode, warm):
                yield measurement


def _starter(mode: Mode, closing: ExitStack) -> Start:
    """Starts of one installation; what they share lives until `closing` closes."""
    folder = closing.enter_context(data_folder())
    if mode == "dev":
        return partial(dev_server, folder)
    return partial(serve_server, closing.enter_context(running_backing(folder)))


async def _live(start: Start, *, runs: int) -> Life:
    began = time.perf_counter()
    with start() as server:
        async with connections(server.port, 1) as opened:
            await answer_runs(opened, iter(range(1)))
            first_answer = time.perf_counter() - began
        after_one_run = _memory(server)
        if not runs:
            return Life(server.ready_after, first_answer, after_one_run, None)
        async with connections(server.port, CLIENTS) as opened:
            await answer_runs(opened, iter(range(runs)))
        return Life(server.ready_after, first_answer, after_one_run, _memory(server))


def _memory(server: Server) -> Memory:
    return Memory(server.processes.resident_bytes(), server.postgres.proportional_bytes())


def _of_warm_starts(mode: Mode, lives: list[Life]) -> list[Measurement]:
    ready = statistics.median(life.ready for life in lives)
    answer = statistics.median(life.first_answer for life in lives)
    measurements = [
        _measurement("ready, warm start", mode, ready, aim=READY_AIM),
        _measurement("first run answered, warm start", mode, answer),
    ]
    for when, memory in (
        ("after 1 run", lives[-1].after_one_run),
        (f"after {RUNS} runs", lives[-1].after_runs),
    ):
        if memory is not None:
            measurements += [
                _measurement(f"memory {when}", mode, memory.server, "bytes"),
                _measurement(f"Postgres memory {when}", mode, memory.postgres, "bytes"),
            ]
    return measurements


def _measurement(
    name: str, mode: Mode, value: float, unit: Unit = "seconds", aim: Aim | None = None
) -> Measurement:
    return Measurement("startup", name, mode, value, unit, aim=aim)
