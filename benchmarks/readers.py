"""Very many readers of one run: what an idle one takes, and how long an event is on its way.

The floor is uvicorn alone, writing the same bytes at the same pace to as many readers. All readers
are in this process, which takes its share of the delay in both columns.
"""

import asyncio
import resource
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import NamedTuple, Self, cast

from benchmarks.joiners import start_run
from benchmarks.support.fanout import Pace, fanout_server
from benchmarks.support.http import Connection
from benchmarks.support.lab import Lab
from benchmarks.support.measurement import Aim, Measurement
from benchmarks.support.processes import ProcessTree
from benchmarks.support.servers import Server

READERS = 5_000
JOINING_AT_ONCE = 50
PACE = Pace(events=20, rate=1.0, burst=1)
LEAD_IN_SECONDS = 45.0
IDLE_SECONDS = 6.0
"""Long enough for a heartbeat to each reader."""
_AIM = Aim(64 * 1024, "< 64 KiB")
_SENT_AT = b'"sent_at":'


class _Crowd(NamedTuple):
    """What so many readers were seen to cost and to get: `delays` in seconds, of every event."""

    bytes_each: float
    idle_cpu: float
    delays: list[float]


async def run(lab: Lab) -> AsyncIterator[Measurement]:
    _let_open(READERS)
    floor = await _at_floor()
    for mode in lab.modes:
        crowd = await _at_server(lab.server(mode))
        each = crowd.bytes_each
        yield _measured("memory an idle reader", mode, each, "bytes", floor.bytes_each, _AIM)
        yield _measured("CPU a second, all readers idle", mode, crowd.idle_cpu, "seconds")
        for p in (50, 99):
            delay, bare = _p(crowd.delays, p), _p(floor.delays, p)
            yield _measured(f"delay of an event: p{p}", mode, delay, "seconds", bare)


_measured = partial(Measurement, "readers")


async def _at_floor() -> _Crowd:
    with fanout_server(READERS, PACE) as process:
        tree = ProcessTree(process.pid)
        before = tree.proportional_bytes()
        async with _crowd(process.port, "/") as readers:
            grown = tree.proportional_bytes() - before
            return _Crowd(grown / READERS, 0.0, await _all_delays(readers))


async def _at_server(server: Server) -> _Crowd:
    control = await Connection.open(server.port)
    await control.post("/runs/wait", {"assistant_id": "events", "input": {"events": 1}})
    path = await start_run(control, PACE, LEAD_IN_SECONDS)
    before = server.processes.proportional_bytes()
    async with _crowd(server.port, f"{path}/stream") as readers:
        cpu = server.cpu()
        await asyncio.sleep(IDLE_SECONDS)
        idle_cpu = server.cpu().since(cpu).server / IDLE_SECONDS
        grown = server.processes.proportional_bytes() - before
        assert not any(reader.delays for reader in readers), "an event came before all had joined"
        delays = await _all_delays(readers)
    control.close()
    return _Crowd(grown / READERS, idle_cpu, delays)


@asynccontextmanager
async def _crowd(port: int, path: str) -> AsyncIterator[list["_Reader"]]:
    """Readers whose responses have all begun."""
    readers: list[_Reader] = []
    for _ in range(0, READERS, JOINING_AT_ONCE):
        joining = [_Reader.open(port, path) for _ in range(JOINING_AT_ONCE)]
        readers += await asyncio.gather(*joining)
    try:
        yield readers
    finally:
        for reader in readers:
            reader.close()


async def _all_delays(readers: list["_Reader"]) -> list[float]:
    await asyncio.gather(*(reader.has_all for reader in readers))
    return [delay for reader in readers for delay in reader.delays]


class _Reader(asyncio.Protocol):
    """Reads one stream, and looks in what comes for nothing but when it was sent."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.delays: list[float] = []
        self.began: asyncio.Future[None] = loop.create_future()
        self.has_all: asyncio.Future[None] = loop.create_future()
        self._transport: asyncio.WriteTransport | None = None

    @classmethod
    async def open(cls, port: int, path: str) -> Self:
        loop = asyncio.get_running_loop()
        _, reader = await loop.create_connection(cls, "127.0.0.1", port)
        reader.ask(path)
        await reader.began
        return reader

    def ask(self, path: str) -> None:
        assert self._transport is not None
        self._transport.write(f"GET {path} HTTP/1.1\r\nHost: joinstream\r\n\r\n".encode())

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)

    def data_received(self, data: bytes) -> None:
        if not self.began.done():
            self.began.set_result(None)
        # Each event is written in one piece, and small.
        now = time.time()
        for event in data.split(_SENT_AT)[1:]:
            self.delays.append(now - float(event.partition(b"}")[0]))
            if len(self.delays) == PACE.events:
                self.has_all.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.has_all.done():
            self.has_all.set_exception(exc or ConnectionError("an event is missing"))
            self.has_all.exception()  # of those that are closed without having been waited for


def _let_open(sockets: int) -> None:
    """Raises RuntimeError when the machine does not allow so many; the servers inherit it."""
    wanted = sockets + 500
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        if hard != resource.RLIM_INFINITY and hard < wanted:
            raise RuntimeError(f"{wanted} open files are needed, {hard} are allowed: ulimit -n")
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _p(delays: list[float], p: int) -> float:
    return statistics.quantiles(delays, n=100, method="inclusive")[p - 1]
