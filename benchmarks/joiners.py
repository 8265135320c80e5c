"""What each further reader of a run costs: CPU for one event delivered to one of 50 joiners.

The same run without joiners is subtracted. The floor is uvicorn alone, writing the same bytes at
the same pace to as many readers.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from benchmarks.support.fanout import Pace, fanout_server
from benchmarks.support.http import Connection, Occurrences, connections
from benchmarks.support.lab import Lab
from benchmarks.support.measurement import Aim, Measurement
from benchmarks.support.processes import ProcessTree
from benchmarks.support.servers import CpuUse, Server

JOINERS = 50
EVENTS = 1500
RATE = 500.0
PACES = {"evenly": Pace(EVENTS, RATE, 1), "in bursts of 100": Pace(EVENTS, RATE, 100)}
DELIVERIES = JOINERS * EVENTS
LEAD_IN_SECONDS = 1.0
POLL_SECONDS = 0.25
AIM = Aim(25e-6, "< 25 µs")


async def run(lab: Lab) -> AsyncIterator[Measurement]:
    for how, pace in PACES.items():
        floor = await _floor(pace)
        for mode in lab.modes:
            server = lab.server(mode)
            alone = await _cpu_of_run(server, pace, joiners=0)
            cpu = (await _cpu_of_run(server, pace, JOINERS)).since(alone)
            name = f"CPU a delivered event, {how}"
            yield Measurement("joiners", name, mode, cpu.server / DELIVERIES, "seconds", floor, AIM)


async def _floor(pace: Pace) -> float:
    with fanout_server(JOINERS, pace) as process:
        tree = ProcessTree(process.pid)
        before = tree.cpu_seconds()
        async with connections(process.port, JOINERS) as opened:
            await asyncio.gather(*(_read_all(connection, "/") for connection in opened))
        return (tree.cpu_seconds() - before) / DELIVERIES


async def _cpu_of_run(server: Server, pace: Pace, joiners: int) -> CpuUse:
    async with connections(server.port, joiners + 1) as [control, *readers]:
        before = server.cpu()
        path = await start_run(control, pace, LEAD_IN_SECONDS if joiners else 0.0)
        await asyncio.gather(*(_read_all(connection, f"{path}/stream") for connection in readers))
        await _until_over(control, path)
        return server.cpu().since(before)


async def start_run(connection: Connection, pace: Pace, lead_in: float) -> str:
    """Its path. The first event comes after `lead_in` seconds, in which readers can join."""
    thread = await connection.post("/threads", {})
    runs = f"/threads/{thread['thread_id']}/runs"
    given: dict[str, Any] = {**pace._asdict(), "lead_in": lead_in}
    payload = {"assistant_id": "events", "input": given, "stream_mode": "custom"}
    return f"{runs}/{(await connection.post(runs, payload))['run_id']}"


async def _read_all(connection: Connection, path: str) -> None:
    """Read a stream to its end. Raises AssertionError when an event is missing."""
    seen = Occurrences(b"event: custom\n")
    await connection.exchange("GET", path, on_body=seen.feed)
    assert seen.count == EVENTS, f"{seen.count} of {EVENTS} events arrived"


async def _until_over(connection: Connection, path: str) -> None:
    while True:
        if (await connection.get(path))["status"] not in ("pending", "running"):
            return
        await asyncio.sleep(POLL_SECONDS)
