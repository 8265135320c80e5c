"""A real HTTP server that receives webhooks and answers as a test says."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.support.waiting import eventually


@dataclass(frozen=True)
class Received:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


Answer = Callable[[Received], Awaitable[Response]]


async def thanks(_: Received) -> Response:
    return Response("thanks")


@dataclass
class Receiver:
    """`answer` decides what the next requests get."""

    url: str
    received: list[Received] = field(default_factory=list)
    answer: Answer = thanks

    def answer_with(self, *statuses: int) -> None:
        """These statuses in turn, the last one for ever."""
        left = list(statuses)

        async def answer(_: Received) -> Response:
            return Response(status_code=left.pop(0) if len(left) > 1 else left[0])

        self.answer = answer

    async def wait_for(self, count: int) -> list[Received]:
        """Everything received, once it is so many."""

        async def enough() -> bool:
            return len(self.received) >= count

        await eventually(enough)
        return self.received


@asynccontextmanager
async def running_receiver() -> AsyncIterator[Receiver]:
    listening = socket.create_server(("127.0.0.1", 0))
    receiver = Receiver(f"http://127.0.0.1:{listening.getsockname()[1]}")

    async def receive(request: Request) -> Response:
        body = await request.body()
        got = Received(request.url.path, dict(request.headers), body)
        receiver.received.append(got)
        return await receiver.answer(got)

    app = Starlette(routes=[Route("/{path:path}", receive, methods=["GET", "POST"])])
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
    serving = asyncio.create_task(server.serve([listening]))
    try:
        yield receiver
    finally:
        server.should_exit = True
        server.force_exit = True
        await serving
        listening.close()
