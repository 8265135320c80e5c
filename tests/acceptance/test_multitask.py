"""A second run on a busy thread."""

import asyncio
from typing import Any

import pytest
from langgraph.pregel.remote import RemoteGraph
from langgraph_sdk.errors import ConflictError, NotFoundError

from tests.support.server import Deployment
from tests.support.streaming import datas_of, listen, names_of
from tests.support.waiting import eventually

LONG: Any = {"steps": 10_000, "seconds": 0.01}


async def busy(deployment: Deployment, given: Any = LONG) -> tuple[str, str]:
    """A thread with a run that has taken its first step: (thread id, run id)."""
    thread_id = (await deployment.client.threads.create())["thread_id"]
    run = await deployment.client.runs.create(thread_id, "counter", input=given)
    join = deployment.client.runs.join_stream(thread_id, run["run_id"], last_event_id="-1")
    async for part in join:
        if part.event == "values" and part.data["count"]:
            break
    return thread_id, run["run_id"]


async def stop(deployment: Deployment, thread_id: str, run_id: str) -> None:
    await deployment.client.runs.cancel(thread_id, run_id, wait=True)


@pytest.mark.parametrize("verb", ["create", "stream", "wait"])
async def test_reject_is_a_409_that_names_the_run_in_the_way(
    deployment: Deployment, verb: str
) -> None:
    thread_id, run_id = await busy(deployment)
    suffix = "" if verb == "create" else f"/{verb}"
    response = await deployment.there.http.post(
        f"/threads/{thread_id}/runs{suffix}",
        json={
            "assistant_id": "counter",
            "input": {"steps": 1},
            "multitask_strategy": "reject",
        },
    )
    assert response.status_code == 409
    assert run_id in response.json()["detail"]
    assert len(await deployment.client.runs.list(thread_id)) == 1
    await stop(deployment, thread_id, run_id)


async def test_the_official_client_raises_a_conflict(deployment: Deployment) -> None:
    thread_id, run_id = await busy(deployment)
    with pytest.raises(ConflictError):
        await deployment.client.runs.create(
            thread_id, "counter", input=LONG, multitask_strategy="reject"
        )
    await stop(deployment, thread_id, run_id)


async def test_an_enqueued_stream_tells_what_it_waits_for_until_it_begins(
    deployment: Deployment,
) -> None:
    thread_id, first = await busy(deployment)
    given: Any = {"steps": 1}
    second = await deployment.client.runs.create(thread_id, "counter", input=given)
    parts = []
    async for part in deployment.there.client.runs.stream(thread_id, "counter", input=given):
        parts.append(part)
        if part.event == "queue" and part.data["position"] == 2:
            await deployment.client.runs.cancel(thread_id, second["run_id"])
        elif part.event == "queue":
            await deployment.client.runs.cancel(thread_id, first)
    told = datas_of(parts, "queue")
    assert [(data["position"], data["waits_for"]) for data in told[:2]] == [
        (2, "thread"),
        (1, "thread"),
    ]
    assert {data["run_id"] for data in told} == {
        data["run_id"] for data in datas_of(parts, "metadata")
    }
    names = [part.event for part in parts]
    assert names.index("metadata") == len(told)
    assert names[-1] == "end"
    log = deployment.client.runs.join_stream(thread_id, told[0]["run_id"], last_event_id="-1")
    assert "queue" not in [part.event async for part in log]


async def test_a_remote_graph_that_has_to_wait_is_not_confused_by_where_it_stands(
    deployment: Deployment,
) -> None:
    thread_id, first = await busy(deployment)
    remote = RemoteGraph("counter", client=deployment.there.client)
    config: Any = {"configurable": {"thread_id": thread_id}}
    invoking = asyncio.create_task(remote.ainvoke({"steps": 2}, config))

    async def it_waits() -> bool:
        return len(await deployment.client.runs.list(thread_id, status="pending")) == 1

    await eventually(it_waits)
    await stop(deployment, thread_id, first)
    assert (await invoking)["steps"] == 0


async def test_enqueued_runs_execute_in_order_and_one_at_a_time(deployment: Deployment) -> None:
    thread_id, first = await busy(deployment, {"steps": 10, "seconds": 0.01})
    clients = [deployment.here.client, deployment.there.client]
    queued = [
        await clients[number % 2].runs.create(thread_id, "counter", input={"steps": 1})
        for number in range(4)
    ]
    results: list[Any] = await asyncio.gather(
        *(
            deployment.there.client.runs.join(thread_id, run_id)
            for run_id in (first, *(run["run_id"] for run in queued))
        )
    )
    assert [result["count"] for result in results] == [10, 11, 12, 13, 14]
    thread = await deployment.client.threads.get(thread_id)
    assert thread["status"] == "idle"


async def test_an_interrupting_run_stops_the_other_and_continues_from_its_state(
    deployment: Deployment,
) -> None:
    thread_id, first = await busy(deployment)
    result: Any = await deployment.there.client.runs.wait(
        thread_id, "counter", input={"steps": 0}, multitask_strategy="interrupt"
    )
    assert result["count"] >= 1
    assert (await deployment.client.runs.get(thread_id, first))["status"] == "interrupted"
    assert (await deployment.client.threads.get(thread_id))["status"] == "idle"


async def test_an_interrupting_run_ends_pending_runs_too(deployment: Deployment) -> None:
    thread_id, first = await busy(deployment)
    pending = await deployment.client.runs.create(thread_id, "counter", input={"steps": 1})
    await deployment.client.runs.wait(
        thread_id, "counter", input={"steps": 0}, multitask_strategy="interrupt"
    )
    statuses = {
        run["run_id"]: run["status"] for run in await deployment.client.runs.list(thread_id)
    }
    assert statuses[first] == statuses[pending["run_id"]] == "interrupted"


async def test_who_listens_to_an_interrupted_run_sees_it_end(deployment: Deployment) -> None:
    thread_id, first = await busy(deployment)
    listener = await listen(deployment.there.client, thread_id, first)
    await deployment.client.runs.wait(
        thread_id, "counter", input={"steps": 0}, multitask_strategy="interrupt"
    )
    parts = await listener.all()
    assert names_of(parts)[0] == "metadata"
    assert parts[-1].data == {"run_id": first, "status": "interrupted"}


async def test_a_rolling_back_run_removes_the_other_and_what_it_did(
    deployment: Deployment,
) -> None:
    thread_id = (await deployment.client.threads.create())["thread_id"]
    await deployment.client.runs.wait(thread_id, "counter", input={"steps": 2})
    first = await deployment.client.runs.create(thread_id, "counter", input=LONG)
    join = deployment.client.runs.join_stream(thread_id, first["run_id"], last_event_id="-1")
    async for part in join:
        if part.event == "values" and part.data["count"] > 3:
            break
    result: Any = await deployment.there.client.runs.wait(
        thread_id, "counter", input={"steps": 1}, multitask_strategy="rollback"
    )
    assert result["count"] == 3
    with pytest.raises(NotFoundError):
        await deployment.client.runs.get(thread_id, first["run_id"])
    history = await deployment.client.threads.get_history(thread_id, limit=100)
    runs = {(state["metadata"] or {}).get("run_id") for state in history}
    assert first["run_id"] not in runs


async def test_runs_of_other_threads_do_not_wait_behind_a_busy_thread(
    deployment: Deployment,
) -> None:
    thread_id, first = await busy(deployment)
    for _ in range(30):
        await deployment.client.runs.create(thread_id, "counter", input={"steps": 1})
    assert await deployment.there.client.runs.wait(None, "echo", input={"text": "x"})
    await deployment.client.runs.cancel_many(thread_id=thread_id, run_ids=[first])
    newest, *_ = await deployment.client.runs.list(thread_id)
    await deployment.client.runs.join(thread_id, newest["run_id"])
    runs = await deployment.client.runs.list(thread_id, limit=100)
    assert [run["status"] for run in runs] == [*["success"] * 30, "interrupted"]
