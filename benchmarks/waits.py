"""Stateless `runs.wait` from 10 and from 100 clients at once: runs a second, and CPU a run.

The clients ask again as soon as they are answered, so throughput is that of a full server.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import NamedTuple

from benchmarks.graphs.one_node import State, graph
from benchmarks.support.bare import cost_of
from benchmarks.support.http import Connection, connections
from benchmarks.support.lab import Lab
from benchmarks.support.measurement import Measurement, Mode
from benchmarks.support.servers import CpuUse, Server

CLIENTS = (10, 100)
SECONDS = 3.0
WARM_UP_SECONDS = 1.0
BARE_CALLS = 500
INPUT: State = {"text": "hello"}
WAIT = {"assistant_id": "one_node", "input": INPUT}


class Load(NamedTuple):
    """What the clients got done, and what it cost the server."""

    runs: int
    seconds: float
    cpu: CpuUse


async def run(lab: Lab) -> AsyncIterator[Measurement]:
    bare = await cost_of(lambda: graph.ainvoke(INPUT), times=BARE_CALLS)
    for mode in lab.modes:
        server = lab.server(mode)
        for clients in CLIENTS:
            load = await _load(server, clients)
            what = f"{clients} clients"
            yield Measurement(
                "waits",
                f"{what}: runs",
                mode,
                load.runs / load.seconds,
                "per second",
                floor=1 / bare.wall,
            )
            for measurement in _costs(what, mode, load, bare.cpu):
                yield measurement


def _costs(what: str, mode: Mode, load: Load, floor: float) -> list[Measurement]:
    def cost(who: str, seconds: float, floor: float | None = None) -> Measurement:
        name = f"{what}: {who} a run"
        return Measurement("waits", name, mode, seconds / load.runs, "seconds", floor)

    costs = [cost("CPU", load.cpu.server, floor), cost("Postgres CPU", load.cpu.postgres)]
    return [*costs, cost("Redis CPU", load.cpu.redis)] if mode == "redis" else costs


async def _load(server: Server, clients: int) -> Load:
    async with connections(server.port, clients) as opened:
        await answer_runs(opened, _turns_for(WARM_UP_SECONDS))
        before, began = server.cpu(), time.perf_counter()
        runs = await answer_runs(opened, _turns_for(SECONDS))
        return Load(runs, time.perf_counter() - began, server.cpu().since(before))


def _turns_for(seconds: float) -> Iterator[None]:
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        yield


async def answer_runs(opened: list[Connection], turns: Iterator[object]) -> int:
    """Each connection waits for one run after another, as long as there are turns; their count."""

    async def ask(connection: Connection) -> int:
        answered = 0
        for _ in turns:
            assert await connection.post("/runs/wait", WAIT) == INPUT
            answered += 1
        return answered

    return sum(await asyncio.gather(*(ask(connection) for connection in opened)))
