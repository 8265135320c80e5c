"""Streams stay streams behind the middleware of a custom app, and still see who leaves."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.api import Api, running_api
from tests.support.postgres import PostgresForTests
from tests.support.project_files import ProjectFiles, project_files
from tests.support.streaming import assert_gapless, collect, datas_of, raw_stream
from tests.support.waiting import eventually

GRAPHS = Path(__file__).parents[2] / "graphs"

NONE = """
    from starlette.applications import Starlette

    app = Starlette()
"""
BASE = """
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.middleware.base import BaseHTTPMiddleware

    class Stamp(BaseHTTPMiddleware):
        async def dispatch(self, request, call_next):
            response = await call_next(request)
            response.headers["x-mw"] = "was here"
            return response

    app = Starlette(middleware=[Middleware(Stamp), Middleware(Stamp)])
"""
READS_THE_BODY = """
    from fastapi import FastAPI

    app = FastAPI()

    @app.middleware("http")
    async def read(request, call_next):
        await request.body()
        return await call_next(request)
"""
PURE = """
    from starlette.applications import Starlette
    from starlette.middleware import Middleware

    class Stamp:
        def __init__(self, app):
            self.app = app

        async def __call__(self, scope, receive, send):
            async def stamped(message):
                if message["type"] == "http.response.start":
                    message["headers"] = [*message["headers"], (b"x-mw", b"was here")]
                await send(message)

            await self.app(scope, receive, stamped)

    app = Starlette(middleware=[Middleware(Stamp)])
"""
ZIP = """
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.middleware.gzip import GZipMiddleware

    app = Starlette(middleware=[Middleware(GZipMiddleware)])
"""
APPS = {"none": NONE, "base": BASE, "reads the body": READS_THE_BODY, "pure": PURE, "zip": ZIP}

HANG = {"assistant_id": "faulty", "input": {"verb": "hang"}}


@pytest.fixture(scope="module", params=APPS)
async def api(
    request: pytest.FixtureRequest, postgres: PostgresForTests, tmp_path_factory: Any
) -> AsyncIterator[Api]:
    """An application with a worker, behind this middleware and a real HTTP server."""
    uri = await postgres.fresh_database()
    with project(tmp_path_factory.mktemp("app")) as files:
        files.write("app.py", APPS[request.param])
        async with running_api(
            uri,
            config=files.config_path,
            worker=True,
            over_tcp=True,
            heartbeat_seconds=0.2,
            bg_job_shutdown_grace_period_secs=0.0,
        ) as running:
            yield running
    await postgres.drop_database(uri)


def project(folder: Path) -> Any:
    context = project_files(folder)
    files = ProjectFiles(folder)
    files.configure(
        graphs={name: f"{GRAPHS}/{name}.py:graph" for name in ("counter", "faulty")},
        http={"app": "./app.py:app"},
    )
    return context


async def new_thread(api: Api) -> str:
    return (await api.client.threads.create())["thread_id"]


async def status(api: Api, thread_id: str, run_id: str) -> str:
    return (await api.client.runs.get(thread_id, run_id))["status"]


async def run_on(api: Api, thread_id: str) -> str:
    """The thread's only run, once it executes."""

    async def executes() -> str | None:
        runs = await api.client.runs.list(thread_id)
        return runs[0]["run_id"] if runs and runs[0]["status"] == "running" else None

    return await eventually(executes)


async def test_a_whole_stream_comes_through_without_a_gap(api: Api) -> None:
    thread_id = await new_thread(api)
    parts = await collect(
        api.client.runs.stream(thread_id, "counter", input={"steps": 20}, on_disconnect="cancel")
    )
    assert_gapless(parts)
    assert datas_of(parts, "values")[-1]["count"] == 20
    assert await status(api, thread_id, parts[0].data["run_id"]) == "success"


async def test_events_come_while_the_run_goes_on(api: Api) -> None:
    thread_id = await new_thread(api)
    path = f"/threads/{thread_id}/runs/stream"
    async with raw_stream(api.http, "POST", path, json=HANG) as (_, frames):
        assert (await anext(frames)).field("event") == "metadata"
        assert await status(api, thread_id, await run_on(api, thread_id)) == "running"
        async for frame in frames:
            if frame.lines == (": heartbeat",):
                break


@pytest.mark.parametrize("path", ["runs/stream", "runs/wait"])
@pytest.mark.parametrize("then", ["cancel", "continue"])
async def test_whoever_leaves_is_seen_to_leave(api: Api, path: str, then: str) -> None:
    thread_id = await new_thread(api)
    body = {**HANG, "on_disconnect": then}
    async with api.http.stream("POST", f"/threads/{thread_id}/{path}", json=body):
        run_id = await run_on(api, thread_id)
        assert len(api.app.state.open_streams) == 1

    async def closed() -> bool:
        return len(api.app.state.open_streams) == 0

    await eventually(closed)
    if then == "cancel":

        async def interrupted() -> bool:
            return await status(api, thread_id, run_id) == "interrupted"

        await eventually(interrupted)
    else:
        assert await status(api, thread_id, run_id) == "running"
        await api.client.runs.cancel(thread_id, run_id, wait=True)


@pytest.mark.parametrize("path", ["runs/stream", "runs/wait"])
async def test_a_server_that_stops_cancels_nobodys_run(
    api: Api, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    thread_id = await new_thread(api)
    body = {**HANG, "on_disconnect": "cancel"}
    async with api.http.stream("POST", f"/threads/{thread_id}/{path}", json=body) as response:
        run_id = await run_on(api, thread_id)
        api.app.state.open_streams.close()
        with pytest.raises(httpx.RemoteProtocolError):  # half must not pass for the whole
            await response.aread()
    assert [line for line in caplog.records if line.name == "uvicorn.error"] == []
    assert await status(api, thread_id, run_id) == "running"
    await api.client.runs.cancel(thread_id, run_id, wait=True)


async def test_the_next_request_on_the_connection_is_answered(api: Api) -> None:
    thread_id = await new_thread(api)
    body = {"assistant_id": "counter", "input": {"steps": 1}}
    for _ in range(3):
        answer = await api.http.post(f"/threads/{thread_id}/runs/wait", json=body)
        assert answer.status_code == 200
        assert (await api.http.get("/ok")).status_code == 200
