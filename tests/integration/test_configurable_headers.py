"""`http.configurable_headers`: what graphs know of the request that made their run."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.api import Api, running_api
from tests.support.postgres import PostgresForTests
from tests.support.project_files import project_files

AGENT = """
    from langchain_core.runnables import RunnableConfig
    from langgraph.graph import START, StateGraph
    from typing_extensions import TypedDict

    class State(TypedDict, total=False):
        seen: dict
        made_for: str

    def make(config: RunnableConfig):
        team = config["configurable"].get("x-team", "nobody")

        def look(state: State, config: RunnableConfig) -> State:
            seen = {k: v for k, v in config["configurable"].items() if k.startswith("x-")}
            return {"seen": seen, "made_for": team}

        return StateGraph(State).add_node(f"look_{team}", look).add_edge(START, f"look_{team}")
"""

HEADERS = {
    "X-Team": "red",
    "x-private-note": "hush",
    "x-api-key": "hush",
    "x-tenant-id": "hush",
    "authorization": "Bearer hush",
    "cookie": "session=hush",
    "thread_id": "forged",
    "run_id": "forged",
    "checkpoint_id": "forged",
    "langgraph_auth_user_id": "forged",
}


@pytest.fixture(scope="module")
async def api(postgres: PostgresForTests, tmp_path_factory: Any) -> AsyncIterator[Api]:
    """An application with a worker that hands on every header but private ones."""
    folder: Path = tmp_path_factory.mktemp("headers")
    uri = await postgres.fresh_database()
    with project_files(folder) as files:
        files.write("agent.py", AGENT)
        files.configure(
            graphs={"agent": "./agent.py:make"},
            http={"configurable_headers": {"includes": ["*"], "excludes": ["x-private-*"]}},
        )
        async with running_api(uri, config=files.config_path, worker=True) as running:
            yield running
    await postgres.drop_database(uri)


async def new_thread(api: Api) -> str:
    return (await api.client.threads.create())["thread_id"]


async def test_a_graph_and_its_factory_find_them_in_configurable(api: Api) -> None:
    thread_id = await new_thread(api)
    body = {"assistant_id": "agent", "input": {}}
    answer = await api.http.post(f"/threads/{thread_id}/runs/wait", json=body, headers=HEADERS)
    assert answer.json() == {"seen": {"x-team": "red"}, "made_for": "red"}


async def test_no_secret_and_no_id_of_the_servers_comes_with_them(api: Api) -> None:
    thread_id = await new_thread(api)
    for path in (f"/threads/{thread_id}/runs", "/runs"):
        body = {"assistant_id": "agent", "input": {}, "after_seconds": 60}
        run = (await api.http.post(path, json=body, headers=HEADERS)).json()
        configurable = run["kwargs"]["config"]["configurable"]
        assert configurable["x-team"] == "red"
        assert "hush" not in str(run)
        assert "forged" not in str(run)


async def test_each_run_of_a_batch_has_them(api: Api) -> None:
    body = [{"assistant_id": "agent", "input": {}, "after_seconds": 60}] * 2
    runs = (await api.http.post("/runs/batch", json=body, headers=HEADERS)).json()
    assert [run["kwargs"]["config"]["configurable"]["x-team"] for run in runs] == ["red", "red"]


async def test_they_go_before_what_the_body_says_and_beside_a_context(api: Api) -> None:
    body: Any = {"assistant_id": "agent", "input": {}, "after_seconds": 60}
    body["config"] = {"configurable": {"x-team": "blue"}}
    run = (await api.http.post("/runs", json=body, headers=HEADERS)).json()
    assert run["kwargs"]["config"]["configurable"]["x-team"] == "red"
    body["config"], body["context"] = {}, {"tone": "polite"}
    run = (await api.http.post("/runs", json=body, headers=HEADERS)).json()
    assert run["kwargs"]["context"] == {"tone": "polite"}
    assert run["kwargs"]["config"]["configurable"]["x-team"] == "red"


async def test_the_next_run_of_a_thread_does_not_inherit_them(api: Api) -> None:
    thread_id = await new_thread(api)
    body = {"assistant_id": "agent", "input": {}}
    await api.http.post(f"/threads/{thread_id}/runs/wait", json=body, headers=HEADERS)
    thread: Any = await api.client.threads.get(thread_id)
    assert "x-team" not in str(thread["config"])
    second = await api.http.post(f"/threads/{thread_id}/runs/wait", json=body)
    assert second.json()["made_for"] == "nobody"


async def test_a_request_repeated_with_another_header_is_the_same_request(api: Api) -> None:
    body = {"assistant_id": "agent", "input": {}, "after_seconds": 60}
    key = {"idempotency-key": "once"}
    first = await api.http.post("/runs", json=body, headers={**key, "x-trace": "1"})
    second = await api.http.post("/runs", json=body, headers={**key, "x-trace": "2"})
    assert first.json()["run_id"] == second.json()["run_id"]


async def test_a_graph_is_drawn_for_who_asks(api: Api) -> None:
    drawn = await api.http.get("/assistants/agent/graph", headers=HEADERS)
    assert "look_red" in [node["id"] for node in drawn.json()["nodes"]]
    for path in ("schemas", "subgraphs"):
        assert (await api.http.get(f"/assistants/agent/{path}", headers=HEADERS)).is_success


async def test_by_default_nothing_is_handed_on(database_uri: str) -> None:
    async with running_api(database_uri) as api:
        body = {"assistant_id": "echo", "input": {}, "after_seconds": 60}
        run = (await api.http.post("/runs", json=body, headers=HEADERS)).json()
        assert "red" not in str(run["kwargs"])
