"""How long an idle server lets one client wait: runs one after another, with pauses between.

For scale: the official development server answers the same one-node `runs.wait` in 870 to 1000 ms.
"""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable

from benchmarks.graphs.one_node import graph
from benchmarks.support.bare import first_event_after
from benchmarks.support.http import Connection, Occurrences, connections
from benchmarks.support.lab import Lab
from benchmarks.support.measurement import Aim, Measurement, Mode
from benchmarks.waits import INPUT

SAMPLES = 100
WARM_UP = 50
PAUSE_SECONDS = 0.02
AIM = Aim(0.010, "< 10 ms")
RUN = {"assistant_id": "one_node", "input": INPUT}

Sample = Callable[[], Awaitable[tuple[float, ...]]]
"""Does something once and tells after how many seconds it came to one or several points."""


async def run(lab: Lab) -> AsyncIterator[Measurement]:
    [call] = await _samples(lambda: _seconds_of(graph.ainvoke(INPUT)))
    [event] = await _samples(_first_bare_event)
    for mode in lab.modes:
        async with connections(lab.server(mode).port, 1) as [connection]:
            [stateless] = await _samples(lambda: _wait(connection, ""))
            [stateful] = await _samples(await _on_a_thread(connection))
            first, update = await _samples(lambda: _stream(connection))
        for name, samples, floor, aim in (
            ("stateless wait", stateless, call, AIM),
            ("wait on a thread", stateful, call, None),
            ("first event of a stream", first, event, None),
            ("first update of a stream", update, event, None),
        ):
            yield _percentile(50, name, mode, samples, floor, aim)
            yield _percentile(99, name, mode, samples, floor)


async def _samples(sample: Sample) -> list[tuple[float, ...]]:
    """The times of each point."""
    for _ in range(WARM_UP):
        await sample()
    taken = []
    for _ in range(SAMPLES):
        await asyncio.sleep(PAUSE_SECONDS)
        taken.append(await sample())
    return list(zip(*taken, strict=True))


def _percentile(
    p: int,
    name: str,
    mode: Mode,
    samples: tuple[float, ...],
    floor: tuple[float, ...],
    aim: Aim | None = None,
) -> Measurement:
    def of(times: tuple[float, ...]) -> float:
        return statistics.quantiles(times, n=100, method="inclusive")[p - 1]

    return Measurement("latency", f"{name}: p{p}", mode, of(samples), "seconds", of(floor), aim)


async def _first_bare_event() -> tuple[float]:
    return (await first_event_after(graph, INPUT, "updates"),)


async def _on_a_thread(connection: Connection) -> Sample:
    thread = await connection.post("/threads", {})
    return lambda: _wait(connection, f"/threads/{thread['thread_id']}")


async def _wait(connection: Connection, of: str) -> tuple[float]:
    return await _seconds_of(connection.post(f"{of}/runs/wait", RUN))


async def _stream(connection: Connection) -> tuple[float, float]:
    """To the first event, `metadata`, and to the first that the graph produced."""
    first, update = Occurrences(b"event: metadata"), Occurrences(b"event: updates")

    def feed(piece: bytes) -> None:
        first.feed(piece)
        update.feed(piece)

    began = time.perf_counter()
    payload = {**RUN, "stream_mode": "updates"}
    await connection.exchange("POST", "/runs/stream", payload, on_body=feed)
    assert first.first_at is not None
    assert update.first_at is not None
    return first.first_at - began, update.first_at - began


async def _seconds_of(act: Awaitable[object]) -> tuple[float]:
    began = time.perf_counter()
    await act
    return (time.perf_counter() - began,)
