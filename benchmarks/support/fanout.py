"""The floor of fanning out: uvicorn writing one producer's frames to many readers, nothing more."""

import asyncio
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import uvicorn
from starlette.types import Receive, Scope, Send

from benchmarks.graphs.events import NOTE
from benchmarks.support.launch import Launched, launched
from benchmarks.support.servers import data_folder


class Pace(NamedTuple):
    """So many events, at a mean rate per second, `burst` of them at a time."""

    events: int
    rate: float
    burst: int


@contextmanager
def fanout_server(readers: int, pace: Pace) -> Iterator[Launched]:
    """A server that begins to produce when the last of its readers has come."""
    options = (str(readers), str(pace.events), str(pace.rate), str(pace.burst))
    with data_folder() as folder:
        command = [sys.executable, "-m", __name__, *options]
        with launched(command, folder / "fanout.log") as process:
            yield process


class _FanOut:
    """One ASGI application whose every response is the same stream."""

    def __init__(self, readers: int, pace: Pace) -> None:
        self._readers = readers
        self._pace = pace
        self._queues: list[asyncio.Queue[bytes]] = []
        self._all_here = asyncio.Event()
        self.producing = asyncio.create_task(self._produce())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        queue: asyncio.Queue[bytes] = asyncio.Queue()
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        self._queues.append(queue)
        if len(self._queues) == self._readers:
            self._all_here.set()
        while frames := await queue.get():
            await send({"type": "http.response.body", "body": frames, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def _produce(self) -> None:
        await self._all_here.wait()
        pace, loop = self._pace, asyncio.get_running_loop()
        began = loop.time()
        for first in range(0, pace.events, pace.burst):
            await asyncio.sleep(max(0.0, began + first / pace.rate - loop.time()))
            numbers = range(first, min(first + pace.burst, pace.events))
            self._send(b"".join([_frame(number, pace.events) for number in numbers]))
        self._send(b"")

    def _send(self, frames: bytes) -> None:
        for queue in self._queues:
            queue.put_nowait(frames)


def _frame(number: int, total: int) -> bytes:
    data = f'{{"done":{number},"total":{total},"note":"{NOTE}","sent_at":{time.time()}}}'
    return f"event: custom\ndata: {data}\nid: 1-{number}\n\n".encode()


async def _serve(readers: int, pace: Pace) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(
            _FanOut(readers, pace), http="httptools", lifespan="off", log_config=None
        )
        print(f"fan-out ready on http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
        await uvicorn.Server(config).serve(sockets=[listener])


def main() -> None:
    """Entry of the process: readers, events, rate, burst."""
    import uvloop

    readers, events, rate, burst = sys.argv[1:]
    uvloop.run(_serve(int(readers), Pace(int(events), float(rate), int(burst))))


if __name__ == "__main__":
    main()
