"""What each method of `client.assistants` does."""

from typing import Any, get_args
from uuid import uuid4

import pytest
from langgraph_sdk.errors import ConflictError, NotFoundError
from langgraph_sdk.schema import AssistantSelectField, AssistantSortBy

from joinstream.domain.assistants import system_assistant_id
from tests.contract.scenes import mark, new_assistant
from tests.support.contract import AnyClient, contract


@contract("assistants.get")
async def test_get(client: AnyClient) -> None:
    by_name = await client.assistants.get("echo")
    assert by_name["assistant_id"] == str(system_assistant_id("echo"))
    assert (by_name["name"], by_name["graph_id"], by_name["version"]) == ("Echo", "echo", 1)
    assert by_name["metadata"] == {"created_by": "system"}
    assert await client.assistants.get(assistant_id=by_name["assistant_id"]) == by_name
    with pytest.raises(NotFoundError):
        await client.assistants.get(str(uuid4()))


@contract("assistants.create")
async def test_create(client: AnyClient) -> None:
    metadata, assistant_id = mark(), str(uuid4())
    made = await client.assistants.create(
        graph_id="mirror",
        config={"tags": ["t"], "recursion_limit": 7},
        context={"tenant": "acme"},
        metadata=metadata,
        assistant_id=assistant_id,
        if_exists="raise",
        name="Mine",
        description="All mine.",
    )
    assert made == made | {
        "assistant_id": assistant_id,
        "graph_id": "mirror",
        "config": {"tags": ["t"], "recursion_limit": 7, "configurable": {"tenant": "acme"}},
        "context": {"tenant": "acme"},
        "metadata": metadata,
        "name": "Mine",
        "description": "All mine.",
        "version": 1,
    }
    with pytest.raises(ConflictError):
        await client.assistants.create("mirror", assistant_id=assistant_id)
    again = await client.assistants.create(
        "echo", assistant_id=assistant_id, if_exists="do_nothing"
    )
    assert again == made
    seen = (await client.runs.wait(None, assistant_id, input={}))["seen"]
    assert (seen["context"], seen["tags"]) == ({"tenant": "acme"}, ["t"])


@contract("assistants.update")
async def test_update(client: AnyClient) -> None:
    assistant_id = await new_assistant(client, name="one", metadata={"a": 1})
    changed = await client.assistants.update(
        assistant_id,
        graph_id="echo",
        config={"tags": ["t"]},
        context={"tenant": "acme"},
        metadata={"b": 2},
        name="two",
        description="The second.",
    )
    assert changed == changed | {
        "graph_id": "echo",
        "config": {"tags": ["t"], "configurable": {"tenant": "acme"}},
        "context": {"tenant": "acme"},
        "metadata": {"a": 1, "b": 2},
        "name": "two",
        "description": "The second.",
        "version": 2,
    }
    assert await client.assistants.get(assistant_id) == changed
    emptied = await client.assistants.update(assistant_id, config={}, context={})
    assert (emptied["context"], emptied["name"], emptied["version"]) == ({}, "two", 3)


@contract("assistants.delete")
async def test_delete(client: AnyClient) -> None:
    keeps, takes = await new_assistant(client), await new_assistant(client)
    threads = []
    for assistant_id in (keeps, takes):
        thread_id = (await client.threads.create())["thread_id"]
        await client.runs.wait(thread_id, assistant_id, input={})
        threads.append(thread_id)
    await client.assistants.delete(keeps)
    await client.assistants.delete(takes, delete_threads=True)
    for assistant_id in (keeps, takes):
        with pytest.raises(NotFoundError):
            await client.assistants.get(assistant_id)
    assert (await client.threads.get(threads[0]))["status"] == "idle"
    with pytest.raises(NotFoundError):
        await client.threads.get(threads[1])
    with pytest.raises(ConflictError):
        await client.assistants.delete("echo")


@contract("assistants.search")
async def test_search(client: AnyClient) -> None:
    metadata = mark()
    ids = [await new_assistant(client, name=f"Bot {n}", metadata=metadata) for n in range(3)]
    await new_assistant(client, "echo", name="Bot 3", metadata=metadata)

    async def found(**asked: Any) -> list[str]:
        assistants = await client.assistants.search(metadata=metadata, **asked)
        return [assistant["assistant_id"] for assistant in assistants]

    assert await found(graph_id="mirror") == ids[::-1]
    assert await found(name="bot 1") == [ids[1]]
    assert await found(sort_by="name", sort_order="asc", limit=2, offset=1) == ids[1:3]
    for field in get_args(AssistantSortBy):
        assert len(await found(sort_by=field)) == 4, field
    pages = await client.assistants.search(
        metadata=metadata, sort_by="name", sort_order="asc", limit=3, response_format="object"
    )
    assert (pages["next"], len(pages["assistants"])) == ("3", 3)
    last = await client.assistants.search(metadata=metadata, offset=3, response_format="object")
    assert (last["next"], len(last["assistants"])) == (None, 1)
    selectable = get_args(AssistantSelectField)
    (whole,) = await client.assistants.search(metadata=metadata, limit=1, select=list(selectable))
    assert whole.keys() == set(selectable)
    (part,) = await client.assistants.search(metadata=metadata, limit=1, select=["name"])
    assert part == {"name": "Bot 3"}


@contract("assistants.count")
async def test_count(client: AnyClient) -> None:
    metadata = mark()
    for n in range(3):
        await new_assistant(client, name=f"Bot {n}", metadata=metadata)
    await new_assistant(client, "echo", name="Bot 3", metadata=metadata)
    assert await client.assistants.count(metadata=metadata) == 4
    assert await client.assistants.count(metadata=metadata, graph_id="mirror") == 3
    assert await client.assistants.count(metadata=metadata, name="bot 3") == 1


@contract("assistants.get_versions")
async def test_get_versions(client: AnyClient) -> None:
    assistant_id = await new_assistant(client, name="v1")
    for n in (2, 3):
        await client.assistants.update(assistant_id, name=f"v{n}", metadata={"made": n})

    async def names(**asked: Any) -> list[str]:
        versions = await client.assistants.get_versions(assistant_id, **asked)
        return [version["name"] for version in versions]

    assert await names() == ["v3", "v2", "v1"]
    assert await names(limit=1, offset=1) == ["v2"]
    assert await names(metadata={"made": 2}) == ["v2"]


@contract("assistants.set_latest")
async def test_set_latest(client: AnyClient) -> None:
    assistant_id = await new_assistant(client, name="one", context={"tenant": "acme"})
    first = await client.assistants.get(assistant_id)
    await client.assistants.update(
        assistant_id, graph_id="echo", name="two", context={}, metadata={"b": 2}
    )
    back = await client.assistants.set_latest(assistant_id, version=1)
    assert back == {**first, "updated_at": back["updated_at"]}
    with pytest.raises(NotFoundError):
        await client.assistants.set_latest(assistant_id, 9)


@contract("assistants.get_graph")
async def test_get_graph(client: AnyClient) -> None:
    flat = await client.assistants.get_graph("research")
    assert {node["id"] for node in flat["nodes"]} >= {"plan", "investigate", "report"}
    assert {"source": "plan", "target": "investigate"} in flat["edges"]
    for xray, inner in ((True, "investigate:summarise:read"), (1, "investigate:search")):
        drawn = await client.assistants.get_graph("research", xray=xray)
        assert inner in {node["id"] for node in drawn["nodes"]}


@contract("assistants.get_schemas")
async def test_get_schemas(client: AnyClient) -> None:
    schemas = await client.assistants.get_schemas("mirror")
    assert schemas["graph_id"] == "mirror"
    assert set(schemas["context_schema"]["properties"]) == {"tenant"}
    for name in ("input_schema", "output_schema", "state_schema"):
        assert set(schemas[name]["properties"]) == {"seen"}
    assert "config_schema" in schemas


@contract("assistants.get_subgraphs")
async def test_get_subgraphs(client: AnyClient) -> None:
    top = await client.assistants.get_subgraphs("research")
    assert top.keys() == {"investigate"}
    assert "sources" in top["investigate"]["state_schema"]["properties"]
    deep = await client.assistants.get_subgraphs("research", recurse=True)
    assert deep.keys() == {"investigate", "investigate|summarise"}
    named = await client.assistants.get_subgraphs("research", namespace="investigate")
    assert named == top
