"""Assistants, over HTTP with the official client."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from langgraph.pregel.remote import RemoteGraph
from langgraph_sdk.errors import ConflictError, NotFoundError

from joinstream.domain.assistants import system_assistant_id
from tests.support.api import TENANTS, Api, running_api

FIELDS = {
    "assistant_id",
    "graph_id",
    "name",
    "description",
    "config",
    "context",
    "metadata",
    "version",
    "created_at",
    "updated_at",
}


async def test_every_graph_has_a_system_assistant(api: Api) -> None:
    assistants: Any = await api.client.assistants.search(limit=100)
    assert {assistant["graph_id"] for assistant in assistants} == set(api.project.graph_ids)
    for assistant in assistants:
        assert assistant.keys() == FIELDS
        assert assistant["metadata"] == {"created_by": "system"}
        assert assistant["version"] == 1
        assert assistant["assistant_id"] == str(system_assistant_id(assistant["graph_id"]))


async def test_a_system_assistant_has_the_id_official_servers_give_it(api: Api) -> None:
    assistant = await api.client.assistants.get("agent")
    assert assistant["assistant_id"] == "fe096781-5601-53d2-b2f6-0d3403f7e9ca"


async def test_a_system_assistant_is_named_and_described_by_the_project(api: Api) -> None:
    echo = await api.client.assistants.get("echo")
    assert (echo["name"], echo["description"]) == ("Echo", "Gives back what it was given.")
    assert (await api.client.assistants.get("counter"))["name"] == "counter"


async def test_starting_again_keeps_the_assistants_as_they_are(api: Api, database_uri: str) -> None:
    changed = await api.client.assistants.update("echo", name="Parrot")
    before = await api.client.assistants.search(limit=100)
    async with running_api(database_uri) as second:
        assert await second.client.assistants.search(limit=100) == before
        assert (await second.client.assistants.get("echo"))["name"] == changed["name"]


async def test_nobody_gets_hold_of_a_graph_that_is_yet_to_come(database_uri: str) -> None:
    to_come = str(system_assistant_id("approval"))
    async with running_api(database_uri, config=TENANTS) as api:
        bob = api.client_with({"authorization": "Bearer bob-key"})
        config: Any = {"tags": ["bob's"]}
        metadata = {"created_by": "system"}
        await bob.assistants.create(
            "echo", config=config, assistant_id=to_come, metadata=metadata, name="approval"
        )
        await bob.assistants.update(to_come, config=config)
    async with running_api(database_uri) as api:
        found: Any = await api.client.assistants.get("approval")
        assert (found["assistant_id"], found["graph_id"]) == (to_come, "approval")
        assert (found["config"], found["metadata"]) == ({}, {"created_by": "system"})
        changed = await api.client.assistants.update("approval", graph_id="echo")
    async with running_api(database_uri) as api:
        assert (await api.client.assistants.get("approval"))["version"] == changed["version"]


async def test_a_system_assistant_cannot_be_deleted(api: Api) -> None:
    with pytest.raises(ConflictError, match=r"langgraph\.json"):
        await api.client.assistants.delete("echo")
    assert await api.client.assistants.get("echo")


async def test_an_assistant_is_made_and_found(api: Api) -> None:
    made: Any = await api.client.assistants.create(
        "echo", name="Mine", description="d", metadata={"team": "a"}, context={"tone": "dry"}
    )
    assert made.keys() == FIELDS
    assert made["config"] == {"configurable": {"tone": "dry"}}
    assert made["context"] == {"tone": "dry"}
    assert (made["name"], made["version"], made["metadata"]) == ("Mine", 1, {"team": "a"})
    assert await api.client.assistants.get(made["assistant_id"]) == made


async def test_configurable_and_context_are_the_same_settings(api: Api) -> None:
    made = await api.client.assistants.create("echo", config={"configurable": {"tone": "dry"}})
    assert made["context"] == {"tone": "dry"}
    changed = await api.client.assistants.update(made["assistant_id"], context={"tone": "wet"})
    assert changed["config"]["configurable"] == {"tone": "wet"}
    response = await api.http.post(
        "/assistants",
        json={"graph_id": "echo", "config": {"configurable": {"a": 1}}, "context": {"b": 1}},
    )
    assert response.status_code == 400


async def test_an_id_that_is_taken_is_a_conflict_unless_the_assistant_is_wanted(
    api: Api,
) -> None:
    made = await api.client.assistants.create("echo")
    taken = made["assistant_id"]
    with pytest.raises(ConflictError):
        await api.client.assistants.create("echo", assistant_id=taken)
    again = await api.client.assistants.create("chat", assistant_id=taken, if_exists="do_nothing")
    assert again == made


async def test_every_update_makes_a_version(api: Api) -> None:
    made = await api.client.assistants.create("echo", name="one", metadata={"a": 1})
    assistant_id = made["assistant_id"]
    changed = await api.client.assistants.update(assistant_id, name="two", metadata={"b": 2})
    assert (changed["version"], changed["name"]) == (2, "two")
    assert changed["metadata"] == {"a": 1, "b": 2}
    versions: Any = await api.client.assistants.get_versions(assistant_id)
    assert [version["version"] for version in versions] == [2, 1]
    assert [version["name"] for version in versions] == ["two", "one"]


async def test_concurrent_updates_get_versions_of_their_own(api: Api) -> None:
    made = await api.client.assistants.create("echo")
    updates = [
        api.client.assistants.update(made["assistant_id"], metadata={f"k{n}": n}) for n in range(10)
    ]
    changed = await asyncio.gather(*updates)
    assert sorted(assistant["version"] for assistant in changed) == list(range(2, 12))
    latest = await api.client.assistants.get(made["assistant_id"])
    assert latest["metadata"] == {f"k{n}": n for n in range(10)}


async def test_an_older_version_comes_back_whole(api: Api) -> None:
    made = await api.client.assistants.create("echo", name="one", context={"tone": "dry"})
    assistant_id = made["assistant_id"]
    await api.client.assistants.update(assistant_id, graph_id="chat", name="two", context={})
    back = await api.client.assistants.set_latest(assistant_id, 1)
    for field in ("graph_id", "name", "context", "config", "version"):
        assert back[field] == made[field]
    after = await api.client.assistants.update(assistant_id, name="three")
    assert after["version"] == 3


async def test_runs_of_an_assistant_use_its_current_version(api: Api) -> None:
    made = await api.client.assistants.create("echo", metadata={"team": "a"})
    thread = await api.client.threads.create()
    run = await api.client.runs.create(
        thread["thread_id"], made["assistant_id"], input={"text": "x"}
    )
    assert run["assistant_id"] == made["assistant_id"]
    assert (await api.client.threads.get(thread["thread_id"]))["metadata"] == {
        "graph_id": "echo",
        "assistant_id": made["assistant_id"],
    }


async def test_a_search_matches_graph_name_and_metadata(api: Api) -> None:
    mine = await api.client.assistants.create("echo", name="My 100% Bot", metadata={"a": {"b": 1}})
    await api.client.assistants.create("chat", name="Other")
    filters: list[Any] = [
        {"graph_id": "echo", "name": "bot"},
        {"name": "100%"},
        {"metadata": {"a": {"b": 1}}},
    ]
    for wanted in filters:
        found: Any = await api.client.assistants.search(**wanted)
        assert found == [mine]
        assert await api.client.assistants.count(**wanted) == 1


async def test_pages_of_assistants_know_the_true_total(api: Api) -> None:
    total = len(api.project.graph_ids)
    first: Any = await api.client.assistants.search(
        limit=2, sort_by="name", sort_order="asc", response_format="object"
    )
    assert first["next"] == "2"
    names = [assistant["name"] for assistant in first["assistants"]]
    assert names == sorted(names)
    last = await api.http.post("/assistants/search", json={"limit": 2, "offset": total - 1})
    assert last.headers["x-pagination-total"] == str(total)
    assert "x-pagination-next" not in last.headers
    assert len(last.json()) == 1


async def test_only_selected_fields_of_assistants_are_sent(api: Api) -> None:
    (found,) = await api.client.assistants.search(limit=1, select=["name", "version"])
    assert found.keys() == {"name", "version"}
    answer = await api.http.post("/assistants/search", json={"limit": 1, "select": []})
    assert answer.json()[0].keys() == FIELDS


async def test_deleting_an_assistant_cancels_its_runs(api: Api) -> None:
    made = await api.client.assistants.create("echo")
    thread_id = (await api.client.threads.create())["thread_id"]
    run = await api.client.runs.create(thread_id, made["assistant_id"], input={"text": "x"})
    await api.client.assistants.delete(made["assistant_id"])
    with pytest.raises(NotFoundError):
        await api.client.assistants.get(made["assistant_id"])
    ended = await api.client.runs.get(thread_id, run["run_id"])
    assert ended["status"] == "interrupted"
    assert await api.backends.pool.fetchval("select count(*) from assistant_versions") == len(
        api.project.graph_ids
    )


async def test_deleting_an_assistant_deletes_its_threads_when_asked(api: Api) -> None:
    made = await api.client.assistants.create("echo")
    other = (await api.client.threads.create())["thread_id"]
    thread_id = (await api.client.threads.create())["thread_id"]
    await api.client.runs.create(thread_id, made["assistant_id"], input={"text": "x"})
    await api.client.assistants.delete(made["assistant_id"], delete_threads=True)
    (left,) = await api.client.threads.search()
    assert left["thread_id"] == other


NOBODY = str(UUID(int=0))


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", f"/assistants/{NOBODY}", None, 404),
        ("GET", "/assistants/nobody", None, 422),
        ("PATCH", f"/assistants/{NOBODY}", {}, 404),
        ("DELETE", f"/assistants/{NOBODY}", None, 404),
        ("POST", f"/assistants/{NOBODY}/versions", {}, 404),
        ("POST", f"/assistants/{NOBODY}/latest", {"version": 1}, 404),
        ("POST", "/assistants/echo/latest", {"version": 9}, 404),
        ("POST", "/assistants/echo/latest", {"version": 0}, 422),
        ("POST", "/assistants/echo/latest", {}, 422),
        ("POST", "/assistants", {}, 422),
        ("POST", "/assistants", {"graph_id": "nowhere"}, 404),
        ("POST", "/assistants", {"graph_id": "echo", "assistant_id": "zz"}, 422),
        ("POST", "/assistants", {"graph_id": "echo", "config": []}, 422),
        ("POST", "/assistants/search", {"graph_id": "nowhere"}, 404),
        ("POST", "/assistants/search", {"limit": 0}, 422),
        ("POST", "/assistants/search", {"sort_by": "color"}, 422),
        ("POST", "/assistants/search", {"select": ["color"]}, 422),
        ("POST", "/assistants/count", {"graph_id": "nowhere"}, 404),
        ("PUT", "/assistants/echo", {}, 405),
    ],
)
async def test_bad_assistant_requests_are_told_so(
    api: Api, method: str, path: str, body: Any, status: int
) -> None:
    response = await api.http.request(method, path, json=body)
    assert response.status_code == status
    assert response.json()["detail"]


async def test_an_unknown_name_is_told_the_graphs(api: Api) -> None:
    response = await api.http.get("/assistants/nobody")
    assert "echo, chat" in response.json()["detail"]


async def test_a_graph_is_drawn_without_the_paths_of_its_classes(api: Api) -> None:
    drawn: Any = await api.client.assistants.get_graph("research")
    assert {"id": "plan", "type": "runnable", "data": {"name": "plan"}} in drawn["nodes"]
    assert {"source": "plan", "target": "investigate"} in drawn["edges"]


async def test_an_xray_shows_the_inside_of_subgraphs(api: Api) -> None:
    async def names(xray: bool | int) -> set[str]:
        drawn = await api.client.assistants.get_graph("research", xray=xray)
        return {node["id"] for node in drawn["nodes"]}

    assert "investigate:search" in await names(1)
    assert "investigate:summarise:read" not in await names(1)
    assert "investigate:summarise:read" in await names(True)


@pytest.mark.parametrize("xray", ["-1", "deep"])
async def test_a_bad_xray_is_refused(api: Api, xray: str) -> None:
    response = await api.http.get(f"/assistants/echo/graph?xray={xray}")
    assert response.status_code == 422


async def test_a_remote_graph_can_be_drawn(api: Api) -> None:
    drawn = await RemoteGraph("research", client=api.client).aget_graph(xray=True)
    assert "investigate:summarise:read" in drawn.nodes


async def test_an_assistant_tells_the_schemas_of_its_graph(api: Api) -> None:
    schemas: Any = await api.client.assistants.get_schemas("counter")
    assert schemas["graph_id"] == "counter"
    assert set(schemas["input_schema"]["properties"]) == {"steps", "count", "seconds"}
    assert schemas.keys() == {
        "graph_id",
        "input_schema",
        "output_schema",
        "state_schema",
        "config_schema",
        "context_schema",
    }


async def test_an_assistant_tells_the_schemas_of_its_subgraphs(api: Api) -> None:
    top: Any = await api.client.assistants.get_subgraphs("research")
    deep: Any = await api.client.assistants.get_subgraphs("research", recurse=True)
    inner: Any = await api.client.assistants.get_subgraphs("research", namespace="investigate")
    assert set(top) == set(inner) == {"investigate"}
    assert set(deep) == {"investigate", "investigate|summarise"}
    assert "graph_id" not in top["investigate"]
    assert await api.client.assistants.get_subgraphs("research", namespace="nowhere") == {}
