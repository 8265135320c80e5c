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
WARM_UP = 10
PAUSE_SECONDS = 0.02
AIM = Aim(0.010, "< 10 ms")
RUN = {"assistant_id": "one_node", "input": INPUT}

Sample = Callable[[], Awaitable[float]]
"""Does something once and tells how many seconds it took."""


async def run(lab: Lab) -> AsyncIterator[Measurement]:
    call = await _samples(lambda: _seconds_of(graph.ainvoke(INPUT)))
    first = await _samples(lambda: first_event_after(graph, INPUT, "updates"))
    for mode in lab.modes:
        async with connections(lab.server(mode).port, 1) as [connection]:
            for what, floor, aim, sample in (
                ("stateless wait", call, AIM, lambda: _wait(connection, "")),
                ("wait on a thread", call, None, await _on_a_thread(connection)),
                ("first event of a stream", first, None, lambda: _first(connection, b"metadata")),
                ("first update of a stream", first, None, lambda: _first(connection, b"updates")),
            ):
                for measurement in _percentiles(what, mode, await _samples(sample), floor, aim):
                    yield measurement


async def _samples(sample: Sample) -> list[float]:
    """Sorted."""
    taken = []
    for _ in range(WARM_UP + SAMPLES):
        taken.append(await sample())
        await asyncio.sleep(PAUSE_SECONDS)
    return sorted(taken[WARM_UP:])


def _percentiles(
    what: str, mode: Mode, samples: list[float], floor: list[float], aim: Aim | None
) -> list[Measurement]:
    def percentile(p: int, aim: Aim | None) -> Measurement:
        return Measurement(
            "latency",
            f"{what}: p{p}",
            mode,
            _percentile(samples, p),
            "seconds",
            _percentile(floor, p),
            aim,
        )

    return [percentile(50, aim), percentile(99, None)]


def _percentile(samples: list[float], p: int) -> float:
    return statistics.quantiles(samples, n=100, method="inclusive")[p - 1]


async def _on_a_thread(connection: Connection) -> Sample:
    thread = await connection.post("/threads", {})
    return lambda: _wait(connection, f"/threads/{thread['thread_id']}")


async def _wait(connection: Connection, of: str) -> float:
    return await _seconds_of(connection.post(f"{of}/runs/wait", RUN))


async def _first(connection: Connection, event: bytes) -> float:
    """Seconds from the request to the first event of this name; the stream is read to its end."""
    seen = Occurrences(b"event: " + event)
    began = asyncio.get_running_loop().time()
    payload = {**RUN, "stream_mode": "updates"}
    await connection.exchange("POST", "/runs/stream", payload, on_body=seen.feed)
    assert seen.first_at is not None, "the stream had no such event"
    return seen.first_at - began


async def _seconds_of(act: Awaitable[object]) -> float:
    began = time.perf_counter()
    await act
    return time.perf_counter() - began
