"""Readers who are slow, who are many, and who leave all at once: nobody else notices."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from typing import Any
from urllib.parse import urlsplit

import psutil

from tests.support.site import Site
from tests.support.streaming import collect, datas_of
from tests.support.waiting import eventually

SLOW = 40
CROWD = 200
ENDLESS: Any = {"steps": 100_000, "seconds": 0.05}
EVENTS = 4_000
EVENT_BYTES = 4_000
MIB = 1 << 20
MOST_GROWTH = 160 * MIB
"""All that the slow readers do not take is four times as much."""


@contextmanager
def reading_next_to_nothing(url: str, path: str) -> Iterator[socket.socket]:
    """A connection that asks for a stream and takes a byte now and then."""
    address = urlsplit(url)
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        connection.connect((address.hostname, address.port))
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nLast-Event-ID: -1\r\n\r\n".encode())
        connection.setblocking(False)
        yield connection


@asynccontextmanager
async def sipping(connections: list[socket.socket]) -> AsyncIterator[None]:
    """One byte a second each."""
    loop = asyncio.get_running_loop()

    async def sip() -> None:
        while True:
            await asyncio.gather(*(loop.sock_recv(each, 1) for each in connections))
            await asyncio.sleep(1)

    task = asyncio.create_task(sip())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def memory_of(site: Site) -> int:
    """Bytes that the first API process has in memory."""
    return int(psutil.Process(site.topology.apis[0].pid).memory_info().rss)


async def readers_at(site: Site) -> int:
    """The streams that are being read at the first API."""
    text = (await site.deployment.http.get("/metrics")).text
    [line] = [row for row in text.splitlines() if row.startswith("joinstream_stream_readers")]
    return int(float(line.split()[-1]))


async def test_readers_of_a_byte_a_second_cost_the_others_and_the_memory_nothing(
    site: Site,
) -> None:
    given: Any = {"verb": "flood", "n": EVENTS, "bytes": EVENT_BYTES}
    modes: Any = ["custom", "updates"]
    thread_id, run_id = await site.begin("faulty", given, stream_mode=modes, after_seconds=1)
    path = f"/threads/{thread_id}/runs/{run_id}/stream"
    url = site.topology.apis[0].url
    with ExitStack() as stack:
        slow = [stack.enter_context(reading_next_to_nothing(url, path)) for _ in range(SLOW)]
        async with sipping(slow):

            async def all_have_begun() -> bool:
                return await readers_at(site) >= SLOW

            await eventually(all_have_begun)
            before = memory_of(site)
            parts = await collect(
                site.client.runs.join_stream(thread_id, run_id, last_event_id="-1")
            )
            grown = memory_of(site) - before
    assert parts[-1].data == {"run_id": run_id, "status": "success"}
    assert [data["i"] for data in datas_of(parts, "custom")] == list(range(EVENTS))
    assert grown < MOST_GROWTH, f"{grown / MIB:.0f} MiB"


async def test_a_crowd_that_leaves_at_once_takes_nothing_along(site: Site) -> None:
    thread_id, run_id, staying = await site.begin_and_listen("counter", ENDLESS)
    path = f"/threads/{thread_id}/runs/{run_id}/stream"
    api = site.topology.apis[0]
    open_files = psutil.Process(api.pid).num_fds()
    with ExitStack() as stack:
        for _ in range(CROWD):
            stack.enter_context(reading_next_to_nothing(api.url, path))

        async def all_are_here() -> bool:
            return await readers_at(site) >= CROWD

        await eventually(all_are_here)
    heard = len(staying.parts)

    async def all_have_left() -> bool:
        left = psutil.Process(api.pid).num_fds() <= open_files + 10
        return left and await readers_at(site) == 0

    async def events_go_on() -> bool:
        return len(staying.parts) > heard

    await eventually(all_have_left)
    await eventually(events_go_on)
    await site.client.runs.cancel(thread_id, run_id, wait=True)
    parts = await staying.all()
    await site.auditor.agree(parts)
    assert parts[-1].data == {"run_id": run_id, "status": "interrupted"}
    assert (await site.run(thread_id, run_id))["attempt"] == 1
