"""What the API's process says of an application that neither starts nor ends."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from starlette.applications import Starlette
from structlog.testing import capture_logs

from joinstream.processes import api_server
from tests.support.waiting import eventually


async def test_a_lifespan_that_goes_on_and_on_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_server, "SLOW_LIFESPAN_SECONDS", 0)
    may_start, may_end = asyncio.Event(), asyncio.Event()

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await may_start.wait()
        yield
        await may_end.wait()

    with socket.create_server(("127.0.0.1", 0)) as listener, capture_logs() as logged:

        async def told(what: str) -> bool:
            return any(what in line["event"] for line in logged)

        server = api_server.ApiServer(
            Starlette(lifespan=lifespan),
            listener,
            on_ready=lambda: server.stop(),
            end_streams=lambda: None,
        )
        serving = asyncio.create_task(server.run_until_stopped())
        assert await eventually(lambda: told("has not started yet"))
        may_start.set()
        assert await eventually(lambda: told("has not ended yet"))
        may_end.set()
        await serving
