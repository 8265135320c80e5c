"""A whole application with auth: what runs know of their caller, and what is asked before what."""

import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from langgraph_sdk.errors import (
    APIStatusError,
    AuthenticationError,
    NotFoundError,
    PermissionDeniedError,
)

from joinstream.errors import StartupError
from tests.support.api import GRAPHS, TENANTS, Api, running_api
from tests.support.project_files import ProjectFiles, project_files

ANN = {"authorization": "Bearer ann-key"}
BOB = {"authorization": "Bearer bob-key"}

RECORDER = """
    from langgraph_sdk import Auth

    auth = Auth()
    ASKED = []

    @auth.authenticate
    async def authenticate() -> str:
        return "ann"

    @auth.on
    async def record(ctx, value):
        ASKED.append((f"{ctx.resource}.{ctx.action}", value))
"""
"""Allows everything, and remembers what it was asked."""

CLOSED = """
    from langgraph_sdk import Auth

    auth = Auth()

    @auth.authenticate
    async def authenticate() -> str:
        return "ann"

    @auth.on.threads.create
    async def create(ctx, value):
        value["metadata"]["via"] = "handler"
"""
"""Allows to create threads, and says nothing of anything else."""

MODEST = """
    from langgraph_sdk import Auth

    auth = Auth()

    @auth.authenticate
    async def authenticate() -> str:
        return "ann"

    @auth.on.threads.create_run
    async def create_run(ctx, value):
        value["priority"] = min(value["priority"], 0)
        value["timeout_seconds"] = min(value["timeout_seconds"] or 60, 60)
        value["concurrency_key"] = ctx.user.identity
"""
"""Nobody goes before others, takes long, or runs beside more than their own."""


@pytest.fixture(scope="module")
async def api(postgres: Any) -> AsyncIterator[Api]:
    """An application of tenants, with a worker."""
    uri = await postgres.fresh_database()
    async with running_api(uri, config=TENANTS, worker=True) as running:
        yield running
    await postgres.drop_database(uri)


@pytest.fixture
def files(tmp_path: Path) -> Iterator[ProjectFiles]:
    with project_files(tmp_path) as project:
        project.write("agent.py")
        yield project


def configure(files: ProjectFiles, auth: str, **keys: Any) -> Path:
    files.write("auth.py", auth)
    files.configure(graphs={"agent": "./agent.py:graph"}, auth={"path": "./auth.py:auth", **keys})
    return files.config_path


def asked(files: ProjectFiles) -> list[tuple[str, dict[str, Any]]]:
    """What the recorder was asked since the last call."""
    path = str(files.folder / "auth.py")
    module = next(m for m in sys.modules.values() if getattr(m, "__file__", "") == path)
    calls = list(module.ASKED)
    module.ASKED.clear()
    return calls


async def test_a_run_knows_its_caller_and_so_does_the_factory_of_its_graph(api: Api) -> None:
    ann = api.client_with(ANN)
    thread = await ann.threads.create()
    told: Any = await ann.runs.wait(thread["thread_id"], "whoami", input={})
    assert (told["made_for"], told["identity"], told["permissions"]) == ("ann", "ann", ["write"])
    assert told["executes_for"] == {
        "identity": "ann",
        "permissions": ["write"],
        "team": "red",
        "email": "ann@home",
        "display_name": "ann",
        "is_authenticated": True,
    }


async def test_a_client_cannot_say_that_it_is_somebody_else(api: Api) -> None:
    forged = {"langgraph_auth_user_id": "bob", "langgraph_auth_user": {"identity": "bob"}}
    told: Any = await api.client_with(ANN).runs.wait(
        None, "whoami", input={}, config={"configurable": forged}
    )
    assert (told["made_for"], told["identity"]) == ("ann", "ann")
    assert told["executes_for"]["identity"] == "ann"


async def test_a_thread_does_not_hand_one_callers_identity_to_the_next(api: Api) -> None:
    ann = api.client_with(ANN)
    thread = await ann.threads.create()
    await ann.runs.wait(thread["thread_id"], "whoami", input={})
    shown: Any = await ann.threads.get(thread["thread_id"])
    assert "langgraph_auth" not in str(shown["config"])


async def test_reading_a_state_opens_the_graph_for_the_reader(api: Api) -> None:
    ann = api.client_with(ANN)
    thread = await ann.threads.create()
    await ann.runs.wait(thread["thread_id"], "whoami", input={})
    state: Any = await ann.threads.get_state(thread["thread_id"])
    assert state["values"]["made_for"] == "ann"


async def test_events_of_a_stream_hold_no_more_of_a_user_than_the_graph_says(api: Api) -> None:
    ann = api.client_with(ANN)
    thread = await ann.threads.create()
    stream = ann.runs.stream(
        thread["thread_id"],
        "echo",
        input={"text": "hi"},
        stream_mode=["values", "updates", "messages", "tasks", "custom"],
    )
    events = [event async for event in stream]
    assert {"values", "updates", "tasks"} <= {event.event for event in events}
    assert "ann@home" not in str(events)


async def test_a_stranger_gets_404_before_a_stream_begins(api: Api) -> None:
    ann, bob = api.client_with(ANN), api.client_with(BOB)
    thread = await ann.threads.create()
    run = await ann.runs.create(thread["thread_id"], "echo", input={"text": "hi"})
    with pytest.raises(NotFoundError):
        async for _ in bob.runs.join_stream(thread["thread_id"], run["run_id"]):
            pass
    with pytest.raises(NotFoundError):
        async for _ in bob.runs.stream(thread["thread_id"], "echo", input={"text": "hi"}):
            pass
    with pytest.raises(AuthenticationError):
        async for _ in api.client.runs.join_stream(thread["thread_id"], run["run_id"]):
            pass


CALLS: list[tuple[str, list[str]]] = [
    ("GET /threads/{thread}", ["threads.read"]),
    ("GET /threads/{thread}/state", ["threads.read"]),
    ("GET /threads/{thread}/history", ["threads.read"]),
    ("GET /threads/{thread}/runs", ["threads.search"]),
    ("GET /threads/{thread}/runs/{run}", ["threads.read"]),
    ("POST /threads/{thread}/runs/{run}/cancel", ["threads.update"]),
    ("DELETE /threads/{thread}/runs/{run}", ["threads.delete"]),
    ("PATCH /threads/{thread}", ["threads.update"]),
    ("POST /threads/{thread}/copy", ["threads.read", "threads.create"]),
    ("POST /threads/search", ["threads.search"]),
    ("POST /threads/count", ["threads.search"]),
    ("DELETE /threads/{thread}", ["threads.delete"]),
    ("GET /assistants/{assistant}", ["assistants.read"]),
    ("GET /assistants/{assistant}/schemas", ["assistants.read"]),
    ("PATCH /assistants/{assistant}", ["assistants.update"]),
    ("POST /assistants/{assistant}/versions", ["assistants.read"]),
    ("POST /assistants/{assistant}/latest", ["assistants.update"]),
    ("POST /assistants/search", ["assistants.search"]),
    ("POST /assistants/count", ["assistants.search"]),
    ("DELETE /assistants/{assistant}", ["assistants.delete"]),
]


async def test_each_route_asks_for_its_action(database_uri: str, files: ProjectFiles) -> None:
    async with running_api(database_uri, config=configure(files, RECORDER)) as api:
        assistant = (await api.client.assistants.create("agent"))["assistant_id"]
        for call, actions in CALLS:
            thread = (await api.client.threads.create())["thread_id"]
            run = (await api.client.runs.create(thread, "agent", input={"text": "a"}))["run_id"]
            asked(files)
            method, _, path = call.partition(" ")
            body = {"version": 1} if path.endswith("/latest") else {}
            url = path.format(thread=thread, run=run, assistant=assistant)
            answer = await api.http.request(
                method, url, json=None if method in ("GET", "DELETE") else body
            )
            assert answer.is_success, (call, answer.text)
            assert [name for name, _ in asked(files)] == actions, call


async def test_a_run_asks_with_everything_it_is_made_of(
    database_uri: str, files: ProjectFiles
) -> None:
    async with running_api(database_uri, config=configure(files, RECORDER)) as api:
        assistant = (await api.client.assistants.create("agent"))["assistant_id"]
        asked(files)
        run = await api.client.runs.create(
            None, assistant, input={"text": "a"}, metadata={"k": 1}, after_seconds=60
        )
    (read, _), (create, value) = asked(files)
    assert (read, create) == ("assistants.read", "threads.create_run")
    assert (value["thread_id"], str(value["run_id"])) == (None, run["run_id"])
    assert str(value["assistant_id"]) == assistant
    assert value["metadata"]["k"] == 1
    assert (value["after_seconds"], value["status"]) == (60, "pending")
    assert (value["multitask_strategy"], value["prevent_insert_if_inflight"]) == ("enqueue", False)
    assert value["kwargs"]["input"] == {"text": "a"}


async def test_a_handler_has_the_last_word_on_what_the_queue_shares_out_by(
    database_uri: str, files: ProjectFiles
) -> None:
    greedy = {"priority": 9, "timeout_seconds": 900, "concurrency_key": "mine"}
    body = {"assistant_id": "agent", "input": {"text": "a"}, **greedy}
    async with running_api(
        database_uri, config=configure(files, MODEST), auth_default_allow=True
    ) as api:
        one = await api.http.post("/runs", json=body)
        (of_batch,) = (await api.http.post("/runs/batch", json=[body])).json()
        for run in (one.json(), of_batch):
            assert run == run | {"priority": 0, "timeout_seconds": 60, "concurrency_key": "ann"}


async def test_a_reader_who_may_cancel_by_leaving_is_asked_for_it(
    database_uri: str, files: ProjectFiles
) -> None:
    async with running_api(database_uri, config=configure(files, RECORDER)) as api:
        run = await api.client.runs.create(None, "agent", input={"text": "a"}, after_seconds=60)
        await api.http.post(f"/runs/{run['run_id']}/cancel")
        asked(files)
        path = f"/runs/{run['run_id']}/stream"
        await api.http.get(path)
        assert [name for name, _ in asked(files)] == ["threads.read"]
        await api.http.get(path, params={"cancel_on_disconnect": "true"})
        assert [name for name, _ in asked(files)] == ["threads.read", "threads.update"]


async def test_what_no_handler_is_for_is_denied(database_uri: str, files: ProjectFiles) -> None:
    async with running_api(database_uri, config=configure(files, CLOSED)) as api:
        thread = await api.client.threads.create()
        assert thread["metadata"] == {"via": "handler"}
        for denied in (
            api.client.threads.get(thread["thread_id"]),
            api.client.threads.search(),
            api.client.runs.create(thread["thread_id"], "agent", input={"text": "a"}),
            api.client.assistants.search(),
        ):
            with pytest.raises(PermissionDeniedError):
                await denied


async def test_a_setting_restores_the_official_servers_way(
    database_uri: str, files: ProjectFiles
) -> None:
    project = configure(files, CLOSED)
    async with running_api(database_uri, config=project, auth_default_allow=True) as api:
        thread = await api.client.threads.create()
        same: Any = await api.client.threads.get(thread["thread_id"])
        assert same["metadata"]["via"] == "handler"


async def test_auth_lies_under_the_mount_prefix(database_uri: str) -> None:
    async with running_api(database_uri, config=TENANTS, mount_prefix="/agents") as api:
        assert (await api.http.post("/agents/threads", json={})).status_code == 401
        created = await api.http.post("/agents/threads", json={}, headers=ANN)
        assert created.json()["metadata"] == {"owner": "ann"}
        for path in ("/ok", "/agents/ok", "/agents/info"):
            assert (await api.http.get(path)).status_code == 200


async def test_keys_alone_open_everything_to_those_who_have_one(database_uri: str) -> None:
    keys = "ann:first-key, second-key"
    async with running_api(database_uri, config=GRAPHS, api_keys=keys) as api:
        for headers in ({"x-api-key": "first-key"}, {"authorization": "bearer second-key"}):
            assert await api.client_with(headers).threads.count() == 0
        named = await api.http.post("/threads", json={}, headers={"x-api-key": "first-key"})
        thread_id = named.json()["thread_id"]
        other = api.client_with({"authorization": "Bearer second-key"})
        assert (await other.threads.get(thread_id))["thread_id"] == thread_id
        run: Any = await api.client_with({"x-api-key": "first-key"}).runs.create(
            thread_id, "echo", input={"text": "hi"}
        )
        assert run["kwargs"]["config"]["configurable"]["langgraph_auth_user_id"] == "ann"


@pytest.mark.parametrize(
    "headers",
    [{}, {"x-api-key": "first"}, {"x-api-key": "ann:first-key"}, {"authorization": "first-key"}],
    ids=str,
)
async def test_a_wrong_key_opens_nothing(database_uri: str, headers: dict[str, str]) -> None:
    async with running_api(database_uri, api_keys="ann:first-key") as api:
        with pytest.raises(APIStatusError) as refused:
            await api.client_with(headers).threads.create()
        assert refused.value.status_code == 401
        assert "first-key" not in str(refused.value)


@pytest.mark.parametrize(
    ("source", "settings", "reason"),
    [
        ("auth = 1", {}, "not a langgraph_sdk.Auth"),
        ("from langgraph_sdk import Auth\nauth = Auth()", {}, "no @auth.authenticate handler"),
        ("other = 1", {}, "has no variable 'auth'"),
        (RECORDER, {"api_keys": "key"}, "choose one"),
    ],
    ids=["no Auth", "no handler", "no variable", "keys as well"],
)
async def test_auth_that_cannot_be_is_found_at_the_start(
    database_uri: str, files: ProjectFiles, source: str, settings: dict[str, Any], reason: str
) -> None:
    project = configure(files, source)
    with pytest.raises(StartupError, match=reason) as failed:
        async with running_api(database_uri, config=project, **settings):
            pass
    assert "\n" not in str(failed.value)


@pytest.mark.parametrize("keys", [",", "ann:", ":key"])
async def test_keys_that_are_none_are_found_at_the_start(database_uri: str, keys: str) -> None:
    with pytest.raises(StartupError, match="JOINSTREAM_API_KEYS"):
        async with running_api(database_uri, api_keys=keys):
            pass
