"""A project with an application of its own, as `dev` and `serve` run it."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from langgraph_sdk import get_client

from tests.support.commands import run, running, running_server
from tests.support.redis import RedisServer
from tests.support.waiting import eventually

GRAPHS = Path(__file__).parents[2] / "graphs"

APP = """
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Request

JOURNAL = Path(__file__).with_name("journal")


@asynccontextmanager
async def lifespan(app):
    with JOURNAL.open("a") as journal:
        journal.write("{word} starts\\n")
    yield {{"word": "{word}"}}
    with JOURNAL.open("a") as journal:
        journal.write("{word} ends\\n")


app = FastAPI(lifespan=lifespan)


@app.get("/word")
async def word(request: Request) -> str:
    return request.state.word


@app.middleware("http")
async def stamp(request, call_next):
    response = await call_next(request)
    response.headers["x-word"] = "{word}"
    return response
"""

BROKEN = """
from contextlib import asynccontextmanager

from starlette.applications import Starlette


@asynccontextmanager
async def lifespan(app):
    raise RuntimeError("no such database")
    yield


app = Starlette(lifespan=lifespan)
"""


HANG = """import asyncio, pathlib
    pathlib.Path(__file__).with_name("journal").touch()
    await asyncio.Event().wait()"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A project that every user may pass, so that an embedded Postgres can lie in it."""
    with tempfile.TemporaryDirectory(prefix="joinstream-app-") as name:
        Path(name).chmod(0o755)
        configure(Path(name))
        write_app(Path(name), APP.format(word="first"))
        yield Path(name)


def configure(folder: Path, **http: Any) -> None:
    graphs = {name: f"{GRAPHS}/{name}.py:graph" for name in ("echo", "faulty")}
    http = {"app": "./app.py:app", **http}
    (folder / "langgraph.json").write_text(json.dumps({"graphs": graphs, "http": http}))


def write_app(folder: Path, source: str) -> None:
    """Replaced in one step, as editors do: a reload never sees half a file."""
    new = folder / "app.py.new"
    new.write_text(source)
    new.replace(folder / "app.py")


def journal(folder: Path) -> list[str]:
    return (folder / "journal").read_text().splitlines()


async def get(url: str) -> httpx.Response:
    async with httpx.AsyncClient(timeout=30) as http:
        return await http.get(url)


async def test_dev_serves_it_and_starts_anew_when_it_changes(folder: Path) -> None:
    with running_server("dev", folder=folder) as server:
        assert (await get(f"{server.url}/word")).json() == "first"
        assert (await get(f"{server.url}/ok")).headers["x-word"] == "first"
        assert await get_client(url=server.url).threads.count() == 0
        write_app(folder, APP.format(word="second"))
        server.wait_until_ready()
        assert (await get(f"{server.url}/word")).json() == "second"
        assert server.stop() == 0
        assert "Traceback" not in server.log
    assert journal(folder) == ["first starts", "first ends", "second starts", "second ends"]


async def test_dev_tells_of_a_lifespan_that_fails_in_one_line_and_waits(folder: Path) -> None:
    with running_server("dev", folder=folder) as server:
        write_app(folder, BROKEN)

        async def reported() -> bool:
            return "waiting for a change" in server.log

        await eventually(reported)
        assert (
            "joinstream: http.app: the lifespan of ./app.py:app failed at its start: "
            "RuntimeError: no such database (app.py:9)\n"
        ) in server.log
        assert "Traceback" not in server.log
        write_app(folder, APP.format(word="mended"))
        server.wait_until_ready()
        assert (await get(f"{server.url}/word")).json() == "mended"


@pytest.mark.parametrize("mode", ["--reload", "--no-reload"])
async def test_dev_does_not_start_without_it(folder: Path, mode: str) -> None:
    write_app(folder, BROKEN)
    with running("dev", mode, "--port", "0", folder=folder) as server:
        assert server.process.wait() == 1
        lines = server.log.splitlines()
        assert [line for line in lines if line.startswith("joinstream: http.app: ")] == lines[-1:]
        assert "Traceback" not in server.log


async def test_pages_of_the_web_may_call_a_server_in_development(folder: Path) -> None:
    preflight = {
        "origin": "https://smith.langchain.com",
        "access-control-request-method": "POST",
        "access-control-request-private-network": "true",
    }
    with running_server("dev", "--no-reload", folder=folder) as server:
        async with httpx.AsyncClient() as http:
            answer = await http.options(f"{server.url}/threads", headers=preflight)
    assert answer.headers["access-control-allow-private-network"] == "true"


async def test_serve_runs_its_lifespan_once_in_the_api_alone(
    folder: Path, database_uri: str, redis_server: RedisServer
) -> None:
    configure(folder, mount_prefix="/v1")
    environment = {
        "DATABASE_URI": database_uri,
        "REDIS_URI": redis_server.url,
        "REDIS_KEY_PREFIX": f"{database_uri.partition('?')[0].rpartition('/')[2]}:",
    }
    with running_server(
        "serve", "--workers", "1", environment=environment, folder=folder
    ) as server:
        assert server.url.endswith("/v1")
        assert (await get(f"{server.url}/word")).json() == "first"
        client = get_client(url=server.url)
        assert await client.runs.wait(None, "echo", input={"text": "hi"}) == {"text": "hi"}
        stream = client.runs.stream(None, "echo", input={"text": "hi"})
        assert [part.event async for part in stream][-1] == "end"
        assert server.stop() == 0
        assert "Traceback" not in server.log
    assert journal(folder) == ["first starts", "first ends"]


async def test_serve_can_be_stopped_while_its_lifespan_hangs(
    folder: Path, database_uri: str, redis_server: RedisServer
) -> None:
    write_app(folder, BROKEN.replace('raise RuntimeError("no such database")', HANG))
    environment = {"DATABASE_URI": database_uri, "REDIS_URI": redis_server.url}
    with running("serve", "--port", "0", environment=environment, folder=folder) as server:

        async def hangs() -> bool:
            return (folder / "journal").exists()

        await eventually(hangs)
        assert server.stop() == 0


async def test_serve_does_not_start_without_it(
    folder: Path, database_uri: str, redis_server: RedisServer
) -> None:
    write_app(folder, BROKEN)
    environment = {"DATABASE_URI": database_uri, "REDIS_URI": redis_server.url}
    ended = run("serve", "--port", "0", environment=environment, folder=folder)
    assert ended.returncode == 1
    assert "http.app: the lifespan of ./app.py:app failed at its start" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_doctor_looks_at_it(folder: Path) -> None:
    write_app(folder, "app = 1")
    found = run("doctor", folder=folder, environment={"COLUMNS": "300"})
    assert found.returncode == 1
    assert "not a Starlette or FastAPI application" in found.stdout
