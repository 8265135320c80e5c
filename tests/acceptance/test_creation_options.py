"""What the official clients can ask of a run beyond their own arguments: by a header, and by
`params`, which become the query of the request."""

from typing import Any
from uuid import uuid4

import pytest
from langgraph_sdk.client import get_sync_client
from langgraph_sdk.errors import ConflictError, UnprocessableEntityError

from tests.support.server import Deployment
from tests.support.streaming import collect, datas_of, names_of

HANG: Any = {"verb": "hang"}
SHORT: Any = {"timeout_seconds": 0.2}


async def new_thread(deployment: Deployment) -> str:
    return (await deployment.client.threads.create())["thread_id"]


# --- once only ----------------------------------------------------------------------------------


async def test_the_official_client_gets_the_same_run_for_a_key_at_whichever_server(
    deployment: Deployment,
) -> None:
    thread_id, key = await new_thread(deployment), {"Idempotency-Key": str(uuid4())}
    here, there = deployment.client.runs, deployment.there.client.runs
    asked: Any = {"input": {"steps": 3}, "headers": key}
    parts = await collect(here.stream(thread_id, "counter", **asked))
    assert await collect(there.stream(thread_id, "counter", **asked)) == parts
    run = await there.create(thread_id, "counter", **asked)
    assert run["run_id"] == parts[0].data["run_id"]
    assert await there.wait(thread_id, "counter", **asked) == parts[-2].data
    assert len(await here.list(thread_id)) == 1
    with pytest.raises(UnprocessableEntityError, match="Idempotency-Key"):
        await there.create(thread_id, "echo", **asked)


async def test_a_stream_of_a_key_is_joined_while_its_run_executes(deployment: Deployment) -> None:
    thread_id, key = await new_thread(deployment), {"Idempotency-Key": str(uuid4())}
    asked: Any = {"input": {"steps": 20, "seconds": 0.05}, "headers": key}
    first = deployment.client.runs.stream(thread_id, "counter", **asked)
    begun = [await anext(first), await anext(first)]
    again = await collect(deployment.there.client.runs.stream(thread_id, "counter", **asked))
    assert again == [*begun, *await collect(first)]
    assert names_of(again) == ["metadata", *["values"] * 21, "end"]


async def test_a_stateless_run_is_found_by_its_key(deployment: Deployment) -> None:
    asked: Any = {"input": {"text": "x"}, "headers": {"Idempotency-Key": str(uuid4())}}
    run = await deployment.client.runs.create(None, "echo", **asked)
    assert await deployment.there.client.runs.wait(None, "echo", **asked) == {"text": "x"}
    parts = await collect(deployment.there.client.runs.stream(None, "echo", **asked))
    assert parts[0].data["run_id"] == run["run_id"]


def test_the_synchronous_client_gets_the_same_run_for_a_key(deployment: Deployment) -> None:
    with get_sync_client(url=str(deployment.http.base_url)) as client:
        thread_id = client.threads.create()["thread_id"]
        asked: Any = {"input": {"steps": 2}, "headers": {"Idempotency-Key": str(uuid4())}}
        parts = list(client.runs.stream(thread_id, "counter", **asked))
        assert list(client.runs.stream(thread_id, "counter", **asked)) == parts
        assert client.runs.wait(thread_id, "counter", **asked) == {"steps": 0, "count": 2}
        run = client.runs.create(thread_id, "counter", **asked)
        assert run["run_id"] == parts[0].data["run_id"]


# --- ids that clients make ----------------------------------------------------------------------


@pytest.mark.parametrize("place", ["thread", "stateless"])
async def test_the_official_client_can_choose_a_runs_id(deployment: Deployment, place: str) -> None:
    thread_id: Any = await new_thread(deployment) if place == "thread" else None
    asked: Any = {"input": {"text": "x"}, "params": {"run_id": str(uuid4())}}
    parts = await collect(deployment.client.runs.stream(thread_id, "echo", **asked))
    assert parts[0].data["run_id"] == asked["params"]["run_id"]
    with pytest.raises(ConflictError, match=asked["params"]["run_id"]):
        await deployment.there.client.runs.create(thread_id, "echo", **asked)


# --- time ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["thread", "stateless"])
async def test_a_run_that_uses_up_its_time_ends_as_a_timeout_everywhere(
    deployment: Deployment, place: str
) -> None:
    thread_id: Any = await new_thread(deployment) if place == "thread" else None
    parts = await collect(
        deployment.client.runs.stream(thread_id, "faulty", input=HANG, params=SHORT)
    )
    failure = {"error": "TimeoutError", "message": "the run was executing for more than 0.2 s"}
    assert datas_of(parts, "error") == [failure]
    run_id = parts[0].data["run_id"]
    assert parts[-1].data == {"run_id": run_id, "status": "timeout"}
    prefix = f"/threads/{thread_id}" if thread_id else ""
    run = (await deployment.there.http.get(f"{prefix}/runs/{run_id}")).json()
    assert (run["status"], run["error"], run["timeout_seconds"]) == ("timeout", failure, 0.2)
    joined = await deployment.there.http.get(f"{prefix}/runs/{run_id}/join")
    assert joined.json() == {"__error__": failure}
    if thread_id:
        thread: Any = await deployment.there.client.threads.get(thread_id)
        assert (thread["status"], thread["error"]) == ("error", failure)


async def test_a_wait_for_a_run_that_uses_up_its_time_raises(deployment: Deployment) -> None:
    thread_id = await new_thread(deployment)
    with pytest.raises(Exception, match="TimeoutError: the run was executing"):
        await deployment.client.runs.wait(thread_id, "faulty", input=HANG, params=SHORT)
    again: Any = await deployment.client.runs.wait(thread_id, "faulty", input={"verb": "ok"})
    assert again["trail"]


# --- what the queue shares out by ---------------------------------------------------------------


async def test_what_body_and_query_say_is_shown_and_the_body_counts(
    deployment: Deployment,
) -> None:
    thread_id = await new_thread(deployment)
    params: Any = {"priority": 5, "concurrency_key": "q", "timeout_seconds": 60}
    run: Any = await deployment.client.runs.create(thread_id, "echo", input={}, params=params)
    assert run == run | params
    body = {"assistant_id": "echo", "input": {}, "priority": 0, "concurrency_key": "b"}
    both = await deployment.http.post(f"/threads/{thread_id}/runs", json=body, params=params)
    assert both.json() == both.json() | {**params, "priority": 0, "concurrency_key": "b"}
    for shown in (run, both.json()):
        got: Any = await deployment.there.client.runs.get(thread_id, shown["run_id"])
        assert {name: got[name] for name in params} == {name: shown[name] for name in params}


async def test_each_run_of_a_batch_has_options_of_its_own(deployment: Deployment) -> None:
    run_id = str(uuid4())
    batch: Any = [
        {"assistant_id": "echo", "input": {"text": "a"}, "priority": -3, "run_id": run_id},
        {"assistant_id": "faulty", "input": HANG, **SHORT},
        {"assistant_id": "counter", "input": {"steps": 1}, "after_seconds": 0.5},
    ]
    first, second, third = await deployment.client.runs.create_batch(batch)
    assert (first["run_id"], first["priority"]) == (run_id, -3)  # type: ignore[typeddict-item]  # ours
    join = [
        (await deployment.there.http.get(f"/runs/{run['run_id']}/join")).json()
        for run in (first, second, third)
    ]
    assert join[0] == {"text": "a"}
    assert join[1]["__error__"]["error"] == "TimeoutError"
    assert join[2]["count"] == 1
