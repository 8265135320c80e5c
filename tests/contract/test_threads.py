"""What each method of `client.threads` does."""

from datetime import datetime, timedelta
from typing import Any, get_args
from uuid import uuid4

import pytest
from langgraph_sdk.errors import ConflictError, NotFoundError
from langgraph_sdk.schema import (
    ThreadSelectField,
    ThreadSortBy,
    ThreadStateSelectField,
    ThreadStatus,
)

from tests.contract.scenes import asking_thread, counted_thread, mark, new_thread
from tests.support.contract import AnyClient, contract


@contract("threads.create")
async def test_create(client: AnyClient) -> None:
    thread_id, metadata = str(uuid4()), mark()
    made = await client.threads.create(
        metadata=metadata,
        thread_id=thread_id,
        if_exists="raise",
        graph_id="counter",
        ttl={"ttl": 60, "strategy": "delete"},
        supersteps=[
            {"updates": [{"values": {"steps": 2}, "as_node": "__input__"}]},
            {"updates": [{"values": {"steps": 1, "count": 1}, "as_node": "step"}]},
        ],
    )
    assert made["thread_id"] == thread_id
    assert made["metadata"] == {**metadata, "graph_id": "counter"}
    assert (made["status"], made["values"]) == ("interrupted", {"steps": 1, "count": 1})
    assert len(await client.threads.get_history(thread_id)) == 2
    assert await client.runs.wait(thread_id, "counter") == {"steps": 0, "count": 2}
    with pytest.raises(ConflictError):
        await client.threads.create(thread_id=thread_id)
    again = await client.threads.create(thread_id=thread_id, if_exists="do_nothing")
    assert again["metadata"] == again["metadata"] | metadata
    fresh = await client.threads.create(ttl=5)
    assert fresh == fresh | {"status": "idle", "values": None, "metadata": {}, "interrupts": {}}
    assert (await client.threads.get(fresh["thread_id"], include=["ttl"]))["ttl"]["ttl"] == 5


@contract("threads.get")
async def test_get(client: AnyClient) -> None:
    thread_id = await asking_thread(client, metadata={"a": 1}, ttl=60)
    thread = await client.threads.get(thread_id)
    assert thread["metadata"] == thread["metadata"] | {"a": 1, "graph_id": "asking_inside"}
    assert (thread["status"], thread["values"]) == ("interrupted", {"answers": [], "calls": 1})
    ((question,),) = thread["interrupts"].values()
    assert question["value"] == "what?"
    assert "ttl" not in thread
    ttl = (await client.threads.get(thread_id, include=["ttl"]))["ttl"]
    assert (ttl["ttl"], ttl["strategy"]) == (60, "delete")
    ends = datetime.fromisoformat(ttl["expires_at"])
    assert ends - datetime.fromisoformat(thread["updated_at"]) == timedelta(minutes=60)
    with pytest.raises(NotFoundError):
        await client.threads.get(str(uuid4()))


@contract("threads.update")
async def test_update(client: AnyClient) -> None:
    thread_id = await new_thread(client, metadata={"a": 1})
    changed = await client.threads.update(thread_id, metadata={"b": 2}, ttl=60)
    assert changed["metadata"] == {"a": 1, "b": 2}
    assert (await client.threads.get(thread_id, include=["ttl"]))["ttl"]["ttl"] == 60
    nothing = await client.threads.update(thread_id, metadata={"c": 3}, return_minimal=True)
    assert nothing is None
    assert (await client.threads.get(thread_id))["metadata"] == {"a": 1, "b": 2, "c": 3}
    with pytest.raises(NotFoundError):
        await client.threads.update(str(uuid4()), metadata={})


@contract("threads.delete")
async def test_delete(client: AnyClient) -> None:
    thread_id = await new_thread(client)
    run = await client.runs.create(thread_id, "counter", input={"steps": 9, "seconds": 60})
    await client.threads.delete(thread_id)
    with pytest.raises(NotFoundError):
        await client.threads.get(thread_id)
    with pytest.raises(NotFoundError):
        await client.runs.get(thread_id, run["run_id"])
    with pytest.raises(NotFoundError):
        await client.threads.delete(thread_id)


@contract("threads.search")
async def test_search(client: AnyClient) -> None:
    metadata = mark()
    ids = [await counted_thread(client, n, metadata=metadata) for n in (1, 2)]
    asking = await asking_thread(client, metadata={**metadata, "asks": True})

    async def found(**asked: Any) -> list[str]:
        threads = await client.threads.search(**{"metadata": metadata, **asked})
        return [thread["thread_id"] for thread in threads]

    assert await found() == [asking, *ids[::-1]]
    assert await found(metadata={**metadata, "asks": True}) == [asking]
    assert await found(values={"count": 2}) == [ids[1]]
    assert await found(ids=[ids[0], asking], sort_order="asc") == [ids[0], asking]
    assert await found(status="interrupted") == [asking]
    assert await found(sort_by="created_at", sort_order="asc", limit=1, offset=1) == [ids[1]]
    for field in get_args(ThreadSortBy):
        assert len(await found(sort_by=field)) == 3, field
    for status in get_args(ThreadStatus):
        assert len(await found(status=status)) == {"idle": 2, "interrupted": 1}.get(status, 0)
    (part,) = await client.threads.search(
        ids=[ids[1]],
        select=["thread_id"],
        extract={"count": "values.count", "mark": "metadata.mark", "no": "values.no[0]"},
    )
    assert part == {
        "thread_id": ids[1],
        "extracted": {"count": 2, "mark": metadata["mark"], "no": None},
    }
    selectable = set(get_args(ThreadSelectField)) - {"context"}  # threads have none, there neither
    (whole,) = await client.threads.search(ids=[asking], select=list(selectable))
    assert whole.keys() == selectable


@contract("threads.count")
async def test_count(client: AnyClient) -> None:
    metadata = mark()
    for steps in (1, 2, 2):
        await counted_thread(client, steps, metadata=metadata)
    await asking_thread(client, metadata=metadata)
    assert await client.threads.count(metadata=metadata) == 4
    assert await client.threads.count(metadata=metadata, values={"count": 2}) == 2
    assert await client.threads.count(metadata=metadata, status="interrupted") == 1


@contract("threads.copy")
async def test_copy(client: AnyClient) -> None:
    thread_id = await counted_thread(client, 2, metadata={"a": 1})
    copy = await client.threads.copy(thread_id)
    original = await client.threads.get(thread_id)
    assert copy["thread_id"] != thread_id
    for field in ("metadata", "values", "status"):
        assert copy[field] == original[field]
    histories = [
        await client.threads.get_history(id, limit=100) for id in (thread_id, copy["thread_id"])
    ]
    assert len(histories[0]) == len(histories[1]) == 4
    assert await client.runs.wait(copy["thread_id"], "counter", input={"steps": 1}) == {
        "steps": 0,
        "count": 3,
    }
    assert (await client.threads.get(thread_id))["values"]["count"] == 2
    with pytest.raises(NotFoundError):
        await client.threads.copy(str(uuid4()))


@contract("threads.prune")
async def test_prune(client: AnyClient) -> None:
    cut, gone = await counted_thread(client, 3), await counted_thread(client, 3)
    pruned = await client.threads.prune([cut, str(uuid4())], strategy="keep_latest")
    assert pruned == {"pruned_count": 1}
    (left,) = await client.threads.get_history(cut, limit=100)
    assert left["values"] == {"steps": 0, "count": 3}
    assert await client.threads.prune(thread_ids=[gone]) == {"pruned_count": 1}
    with pytest.raises(NotFoundError):
        await client.threads.get(gone)


@contract("threads.get_state")
async def test_get_state(client: AnyClient) -> None:
    thread_id = await asking_thread(client)
    state = await client.threads.get_state(thread_id)
    assert state["values"] == {"answers": [], "calls": 1}
    assert state["next"] == ["outer"]
    (task,) = state["tasks"]
    assert (task["name"], task["state"], task["error"]) == ("outer", None, None)
    assert task["checkpoint"]["checkpoint_ns"].startswith("outer:")
    assert task["interrupts"] == state["interrupts"]
    assert state["interrupts"][0]["value"] == "what?"
    assert state["checkpoint"] == state["checkpoint"] | {
        "thread_id": thread_id,
        "checkpoint_ns": "",
    }
    assert state["parent_checkpoint"]["checkpoint_id"] < state["checkpoint"]["checkpoint_id"]
    assert state["metadata"]["source"] == "loop"

    deep = await client.threads.get_state(thread_id, subgraphs=True)
    (inner,) = deep["tasks"][0]["state"]["tasks"]
    assert (inner["name"], inner["interrupts"]) == ("inner", state["interrupts"])

    parent = state["parent_checkpoint"]
    by_id = await client.threads.get_state(thread_id, checkpoint_id=parent["checkpoint_id"])
    by_name = await client.threads.get_state(thread_id, checkpoint=parent)
    assert by_id == by_name
    assert by_id["next"] == ["remembering"]
    within = await client.threads.get_state(thread_id, checkpoint=task["checkpoint"])
    assert within["next"] == ["inner"]

    fields = list(get_args(get_args(ThreadStateSelectField)[0]))
    assert (await client.threads.get_state(thread_id, select=fields)).keys() == set(fields)
    for checkpoint in (None, state["checkpoint"]):
        part = await client.threads.get_state(
            thread_id, checkpoint=checkpoint, select=["next", "values.calls"]
        )
        assert part == {"next": ["outer"], "values": {"calls": 1}}
    with pytest.raises(NotFoundError):
        await client.threads.get_state(str(uuid4()))


@contract("threads.update_state")
async def test_update_state(client: AnyClient) -> None:
    thread_id = await counted_thread(client, 2)
    before = await client.threads.get_state(thread_id)
    updated = await client.threads.update_state(
        thread_id, values={"count": 5, "steps": 1}, as_node="step"
    )
    assert updated["checkpoint"]["checkpoint_id"] > before["checkpoint"]["checkpoint_id"]
    after = await client.threads.get_state(thread_id)
    assert after["checkpoint"] == updated["checkpoint"]
    assert after["parent_checkpoint"] == before["checkpoint"]
    assert (after["values"], after["next"]) == ({"count": 7, "steps": 1}, ["step"])
    assert (await client.threads.get(thread_id))["status"] == "interrupted"

    for at in (
        {"checkpoint": before["checkpoint"]},
        {"checkpoint_id": before["checkpoint"]["checkpoint_id"]},
    ):
        fork = await client.threads.update_state(thread_id, {"count": 1}, as_node="step", **at)
        state = await client.threads.get_state(thread_id, checkpoint=fork["checkpoint"])
        assert state["values"]["count"] == 3
        assert state["parent_checkpoint"] == before["checkpoint"]
    await client.threads.update_state(thread_id, None, as_node="step")
    assert (await client.threads.get_state(thread_id))["values"]["count"] == 3
    with pytest.raises(NotFoundError):
        await client.threads.update_state(str(uuid4()), {})


@contract("threads.get_history")
async def test_get_history(client: AnyClient) -> None:
    thread_id = await counted_thread(client, 3)
    await client.threads.update_state(thread_id, {"count": 10}, as_node="step")

    async def counts(**asked: Any) -> list[int | None]:
        states = await client.threads.get_history(thread_id, **asked)
        return [state["values"].get("count") for state in states]

    assert await counts() == [13, 3, 2, 1, 0, 0]
    assert await counts(limit=2) == [13, 3]
    third = (await client.threads.get_history(thread_id))[2]["checkpoint"]
    for before in (
        third,
        third["checkpoint_id"],
        {"configurable": {"checkpoint_id": third["checkpoint_id"]}},
    ):
        assert await counts(before=before) == [1, 0, 0]
    assert await counts(metadata={"source": "update"}) == [13]
    assert await counts(checkpoint={"checkpoint_ns": ""}, limit=1) == [13]
    (part,) = await client.threads.get_history(thread_id, limit=1, select=["values.count"])
    assert part == {"values": {"count": 13}}
    assert await client.threads.get_history(await new_thread(client)) == []
    with pytest.raises(NotFoundError):
        await client.threads.get_history(str(uuid4()))
