"""CPU for each streamed token and each custom event, with one reader who takes them all."""

from collections.abc import AsyncIterator
from typing import Any, NamedTuple

from langgraph.types import StreamMode

from benchmarks.graphs import events, tokens
from benchmarks.support.bare import Graph, cost_of, stream_through
from benchmarks.support.http import Occurrences, connections
from benchmarks.support.lab import Lab
from benchmarks.support.measurement import Aim, Measurement, Mode
from benchmarks.support.servers import CpuUse, Server

RUNS = 5
EVENTS_PER_RUN = 4000
BARE_RUNS = 3
MOST_TIMES_BARE = 2.5


class Stream(NamedTuple):
    """A graph that streams `EVENTS_PER_RUN` events of one mode, and how a client asks for them."""

    unit: str
    assistant_id: str
    given: dict[str, Any]
    graph: Graph
    graph_mode: StreamMode
    asked_mode: str
    event: bytes
    has_aim: bool


STREAMS = (
    Stream(
        "token",
        "tokens",
        {"tokens": EVENTS_PER_RUN},
        tokens.graph,
        "messages",
        "messages-tuple",
        b"event: messages\n",
        has_aim=True,
    ),
    Stream(
        "custom event",
        "events",
        {"events": EVENTS_PER_RUN},
        events.graph,
        "custom",
        "custom",
        b"event: custom\n",
        has_aim=False,
    ),
)


async def run(lab: Lab) -> AsyncIterator[Measurement]:
    for stream in STREAMS:
        bare = await _bare_cpu_per_event(stream)
        for mode in lab.modes:
            cpu, count = await _streamed(lab.server(mode), stream)
            for measurement in _costs(stream, mode, cpu, count, bare):
                yield measurement


async def _bare_cpu_per_event(stream: Stream) -> float:
    cost = await cost_of(
        lambda: stream_through(stream.graph, stream.given, stream.graph_mode), times=BARE_RUNS
    )
    return cost.cpu / EVENTS_PER_RUN


async def _streamed(server: Server, stream: Stream) -> tuple[CpuUse, int]:
    """CPU of several runs one after another, and the events that were received of them."""
    payload = {
        "assistant_id": stream.assistant_id,
        "input": stream.given,
        "stream_mode": stream.asked_mode,
    }
    async with connections(server.port, 1) as [connection]:

        async def receive() -> int:
            seen = Occurrences(stream.event)
            await connection.exchange("POST", "/runs/stream", payload, on_body=seen.feed)
            assert seen.count >= EVENTS_PER_RUN, f"only {seen.count} events arrived"
            return seen.count

        await receive()
        before = server.cpu()
        count = sum([await receive() for _ in range(RUNS)])
        return server.cpu().since(before), count


def _costs(stream: Stream, mode: Mode, cpu: CpuUse, count: int, bare: float) -> list[Measurement]:
    aim = Aim(MOST_TIMES_BARE * bare, f"< {MOST_TIMES_BARE} times bare") if stream.has_aim else None
    costs = [
        Measurement(
            "tokens", f"CPU a {stream.unit}", mode, cpu.server / count, "seconds", bare, aim
        )
    ]
    if mode == "redis":
        name = f"Redis CPU a {stream.unit}"
        costs.append(Measurement("tokens", name, mode, cpu.redis / count, "seconds"))
    return costs
