"""CPU for each streamed token and each custom event, with one reader who takes them all."""

from collections.abc import AsyncIterator
from typing import Any, NamedTuple

from langgraph.types import StreamMode

from benchmarks.graphs import events, tokens
from benchmarks.support.bare import Graph, cost_of, stream_through
from benchmarks.support.http import Connection, Occurrences, connections
from benchmarks.support.lab import Lab
from benchmarks.support.measurement import Aim, Measurement, Mode
from benchmarks.support.servers import CpuUse, Server

RUNS = 5
EVENTS_PER_RUN = 4000
MOST_TIMES_BARE = 2.5


class Stream(NamedTuple):
    """A graph that streams `EVENTS_PER_RUN` events of one mode, and how a client asks for them.

    `event` stands in each of them on the wire, and nowhere else.
    """

    unit: str
    path: str
    payload: dict[str, Any]
    graph: Graph
    given: dict[str, Any]
    graph_mode: StreamMode
    event: bytes
    has_aim: bool


_TOKENS = {"tokens": EVENTS_PER_RUN}
_EVENTS = {"events": EVENTS_PER_RUN}
_ASKED_AS_OPENAI = {"role": "user", "content": str(EVENTS_PER_RUN)}

STREAMS = (
    Stream(
        "token",
        "/runs/stream",
        {"assistant_id": "tokens", "input": _TOKENS, "stream_mode": "messages-tuple"},
        tokens.graph,
        _TOKENS,
        "messages",
        b"event: messages\n",
        has_aim=True,
    ),
    Stream(
        "token of /v1/chat/completions",
        "/v1/chat/completions",
        {"model": "tokens", "messages": [_ASKED_AS_OPENAI], "stream": True},
        tokens.graph,
        _TOKENS,
        "messages",
        b'"delta":{"content":',
        has_aim=False,
    ),
    Stream(
        "custom event",
        "/runs/stream",
        {"assistant_id": "events", "input": _EVENTS, "stream_mode": "custom"},
        events.graph,
        _EVENTS,
        "custom",
        b"event: custom\n",
        has_aim=False,
    ),
)


class Spent(NamedTuple):
    """CPU of the server over all its runs, events received of them, and bare CPU an event."""

    cpu: CpuUse
    events: int
    bare: float


async def run(lab: Lab) -> AsyncIterator[Measurement]:
    for stream in STREAMS:
        for mode in lab.modes:
            for measurement in _costs(stream, mode, await _spent(lab.server(mode), stream)):
                yield measurement


async def _spent(server: Server, stream: Stream) -> Spent:
    """Server and bare graph take turns, so that a change of the machine's pace is in both."""
    cpu, events, bare = CpuUse(0.0, 0.0, 0.0), 0, 0.0
    async with connections(server.port, 1) as [connection]:
        await _receive(connection, stream)
        for _ in range(RUNS):
            bare += (await cost_of(lambda: _bare(stream), times=1)).cpu
            before = server.cpu()
            events += await _receive(connection, stream)
            cpu = cpu.plus(server.cpu().since(before))
    return Spent(cpu, events, bare / (RUNS * EVENTS_PER_RUN))


async def _bare(stream: Stream) -> None:
    await stream_through(stream.graph, stream.given, stream.graph_mode)


async def _receive(connection: Connection, stream: Stream) -> int:
    """Run the graph and count its events. Raises AssertionError when some are missing."""
    seen = Occurrences(stream.event)
    await connection.exchange("POST", stream.path, stream.payload, on_body=seen.feed)
    assert seen.count >= EVENTS_PER_RUN, f"only {seen.count} events arrived"
    return seen.count


def _costs(stream: Stream, mode: Mode, spent: Spent) -> list[Measurement]:
    def cost(who: str, seconds: float, **beside: Any) -> Measurement:
        each = seconds / spent.events
        return Measurement("tokens", f"{who} a {stream.unit}", mode, each, "seconds", **beside)

    aim = Aim(MOST_TIMES_BARE * spent.bare, f"< {MOST_TIMES_BARE} times bare")
    own = cost("CPU", spent.cpu.server, floor=spent.bare, aim=aim if stream.has_aim else None)
    return [own, cost("Redis CPU", spent.cpu.redis)] if mode == "redis" else [own]
