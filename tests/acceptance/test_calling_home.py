"""Graphs that use the official client without a URL reach the server that runs them."""

import json
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from langgraph_sdk import get_client

from tests.support.commands import running, running_server
from tests.support.redis import RedisServer

CALLING = """
    from langgraph.graph import START, StateGraph
    from langgraph.types import StreamWriter
    from langgraph_sdk import get_client
    from typing_extensions import TypedDict

    client = get_client()

    class State(TypedDict, total=False):
        said: str
        heard: str

    async def ask(state: State, writer: StreamWriter) -> State:
        made_here = get_client()
        writer([each["graph_id"] for each in await made_here.assistants.search(graph_id="echo")])
        asked = client.runs.stream(None, "echo", input={"heard": state["said"]})
        async for part in asked:
            if part.event == "values":
                heard = part.data["heard"]
        return {"heard": heard}

    calling = StateGraph(State).add_node(ask).add_edge(START, "ask").compile()
    echo = StateGraph(State).add_node("say", lambda state: state).add_edge(START, "say").compile()
"""

DOORS = """
    from langgraph_sdk import Auth

    auth = Auth()

    @auth.authenticate
    async def who(headers):
        if b"x-who" not in headers:
            raise Auth.exceptions.HTTPException(status_code=401, detail="no key")
        return {"identity": "somebody"}

    @auth.on
    async def anything(ctx, value):
        return None
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "calls.py").write_text(dedent(CALLING))
    config = tmp_path / "langgraph.json"
    config.write_text('{"graphs": {"calling": "./calls.py:calling", "echo": "./calls.py:echo"}}')
    return config


@pytest.fixture
def settings(database_uri: str, redis_server: RedisServer) -> dict[str, str]:
    return {
        "DATABASE_URI": database_uri,
        "REDIS_URI": redis_server.url,
        "REDIS_KEY_PREFIX": f"{database_uri.partition('?')[0].rpartition('/')[2]}:",
    }


async def answer_of(url: str, **who: Any) -> Any:
    asked = {"said": "hello"}
    return await get_client(url=url, **who).runs.wait(
        None, "calling", input=asked, raise_error=False
    )


async def test_from_the_worker_of_dev_below_a_prefix(project: Path, database_uri: str) -> None:
    environment = {"DATABASE_URI": database_uri, "MOUNT_PREFIX": "/agents"}
    with running_server(
        "dev", "--no-reload", "--config", str(project), environment=environment
    ) as server:
        assert (await answer_of(server.url))["heard"] == "hello"


async def test_with_auth_it_has_to_say_who_it_is(project: Path, database_uri: str) -> None:
    (project.parent / "doors.py").write_text(dedent(DOORS))
    config = json.loads(project.read_text())
    project.write_text(json.dumps(config | {"auth": {"path": "./doors.py:auth"}}))
    with running_server(
        "dev", "--no-reload", "--config", str(project), environment={"DATABASE_URI": database_uri}
    ) as server:
        answer = await answer_of(server.url, headers={"x-who": "me"})
        assert answer["__error__"]["error"] == "AuthenticationError"


async def test_from_the_workers_of_serve(project: Path, settings: dict[str, str]) -> None:
    with running_server("serve", "--config", str(project), environment=settings) as server:
        assert (await answer_of(server.url))["heard"] == "hello"


async def test_a_worker_alone_has_to_be_told_where_the_server_is(
    project: Path, settings: dict[str, str]
) -> None:
    config = ("--config", str(project))
    with running_server("serve", "--workers", "0", *config, environment=settings) as server:
        with running("worker", *config, environment=settings):
            assert "set JOINSTREAM_URL" in (await answer_of(server.url))["__error__"]["message"]
        told = settings | {"JOINSTREAM_URL": server.url}
        with running("worker", *config, environment=told):
            assert (await answer_of(server.url))["heard"] == "hello"
