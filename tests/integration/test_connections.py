"""Failures on a real connection: the client's next request finds it alive."""

import asyncio
import socket
from collections.abc import AsyncIterator
from types import SimpleNamespace

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response

from joinstream.http.errors import UnexpectedErrors, exception_handlers
from joinstream.http.parse import json_body
from joinstream.http.respond import json_response
from joinstream.http.routing import operation
from joinstream.store.errors import as_request_error


async def fail(_: Request) -> Response:
    raise ZeroDivisionError


async def lose_postgres(_: Request) -> Response:
    raise ConnectionRefusedError


async def peer(request: Request) -> Response:
    assert request.client is not None
    return json_response(request.client.port)


async def echo(request: Request) -> Response:
    return json_response(await json_body(request))


@pytest.fixture
async def address() -> AsyncIterator[str]:
    app = Starlette(
        routes=[
            operation("GET", "/fail", fail, summary="Fail"),
            operation("GET", "/away", lose_postgres, summary="Lose Postgres"),
            operation("GET", "/peer", peer, summary="The client's port"),
            operation("POST", "/echo", echo, summary="Echo"),
        ],
        exception_handlers=exception_handlers,
        middleware=[Middleware(UnexpectedErrors, translate=as_request_error)],
    )
    app.state.settings = SimpleNamespace(http_max_request_body_bytes=1000)
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off"))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    await serving


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/fail", None, 500),
        ("GET", "/away", None, 503),
        ("GET", "/nowhere", None, 404),
        ("PUT", "/echo", b"{}", 405),
        ("POST", "/echo", b"{", 422),
    ],
)
async def test_a_failed_request_leaves_the_connection_alive(
    address: str, method: str, path: str, body: bytes | None, status: int
) -> None:
    async with httpx.AsyncClient(base_url=address) as client:
        before = (await client.get("/peer")).json()
        response = await client.request(method, path, content=body)
        assert response.status_code == status
        assert response.json()["detail"]
        assert (await client.get("/peer")).json() == before


async def test_a_body_over_the_limit_is_answered_before_it_is_sent(address: str) -> None:
    host, port = address.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000000\r\n\r\n")
    assert (await reader.readline()).startswith(b"HTTP/1.1 413")
    writer.close()
    await writer.wait_closed()
