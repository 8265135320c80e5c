"""Cancelling: running, pending or ended runs, at any API process, alone or in bulk."""

import asyncio
from typing import Any

import pytest
from langgraph_sdk.errors import NotFoundError

from joinstream.domain.ids import new_run_id
from tests.support.server import Deployment
from tests.support.streaming import assert_gapless, collect, datas_of, listen, raw_stream

HANG: Any = {"verb": "hang"}


async def new_thread(deployment: Deployment) -> str:
    return (await deployment.client.threads.create())["thread_id"]


async def hanging(deployment: Deployment) -> tuple[str, str]:
    """A run that waits forever in its second node: (thread id, run id)."""
    thread_id = await new_thread(deployment)
    run = await deployment.client.runs.create(
        thread_id, "faulty", input=HANG, stream_mode="updates"
    )
    join = deployment.client.runs.join_stream(thread_id, run["run_id"], last_event_id="-1")
    async for part in join:
        if part.event == "updates":
            break
    return thread_id, run["run_id"]


async def cancel(
    deployment: Deployment, thread_id: str, run_id: str, **how: Any
) -> tuple[int, bytes]:
    """At the other API, without the official client."""
    path = f"/threads/{thread_id}/runs/{run_id}/cancel"
    response = await deployment.there.http.post(path, params=how)
    return response.status_code, response.content.strip()


async def test_cancelling_is_accepted_at_once_and_ends_the_run(deployment: Deployment) -> None:
    thread_id, run_id = await hanging(deployment)
    assert await cancel(deployment, thread_id, run_id) == (202, b"")
    await deployment.client.runs.join(thread_id, run_id)
    assert (await deployment.client.runs.get(thread_id, run_id))["status"] == "interrupted"


async def test_cancelling_with_wait_returns_when_the_run_is_over(deployment: Deployment) -> None:
    thread_id, run_id = await hanging(deployment)
    assert await cancel(deployment, thread_id, run_id, wait=1) == (200, b"{}")
    assert (await deployment.client.runs.get(thread_id, run_id))["status"] == "interrupted"
    thread: Any = await deployment.client.threads.get(thread_id)
    assert thread["status"] == "interrupted"
    assert thread["error"]["error"] == "UserInterrupt"
    assert thread["values"]["trail"] == ["before"]


async def test_a_cancelled_thread_can_go_on(deployment: Deployment) -> None:
    thread_id, run_id = await hanging(deployment)
    await deployment.there.client.runs.cancel(thread_id, run_id, wait=True)
    result: Any = await deployment.client.runs.wait(thread_id, "faulty", input={"verb": "ok"})
    assert result["trail"] == ["before", "before", "fault", "after"]
    thread: Any = await deployment.client.threads.get(thread_id)
    assert (thread["status"], thread["error"]) == ("idle", None)


async def test_listeners_see_a_cancelled_run_end(deployment: Deployment) -> None:
    thread_id, run_id = await hanging(deployment)
    clients = (deployment.here.client, deployment.there.client)
    listeners = [await listen(client, thread_id, run_id) for client in clients]
    await deployment.client.runs.cancel(thread_id, run_id, wait=True)
    for listener in listeners:
        parts = await listener.all()
        assert_gapless(parts)
        assert parts[-1].data == {"run_id": run_id, "status": "interrupted"}


async def test_text_streamed_before_a_cancel_is_kept(deployment: Deployment) -> None:
    thread_id = await new_thread(deployment)
    given: Any = {"messages": [{"role": "human", "content": "a b c d"}], "delay": 0.05}
    run = await deployment.client.runs.create(
        thread_id, "chat", input=given, stream_mode="messages-tuple"
    )
    join = deployment.client.runs.join_stream(thread_id, run["run_id"], last_event_id="-1")
    async for part in join:
        if part.event == "messages":
            break
    await deployment.there.client.runs.cancel(thread_id, run["run_id"], wait=True)
    parts = await collect(
        deployment.client.runs.join_stream(thread_id, run["run_id"], last_event_id="-1")
    )
    tokens = [chunk["content"] for chunk, _ in datas_of(parts, "messages")]
    assert tokens[0] == "You "
    assert parts[-1].data["status"] == "interrupted"


async def test_rolling_back_removes_the_run_and_its_checkpoints(deployment: Deployment) -> None:
    thread_id, run_id = await hanging(deployment)
    outcome = await cancel(deployment, thread_id, run_id, wait=1, action="rollback")
    assert outcome == (200, b"{}")
    with pytest.raises(NotFoundError):
        await deployment.client.runs.get(thread_id, run_id)
    assert await deployment.client.threads.get_history(thread_id) == []
    assert (await deployment.client.threads.get(thread_id))["status"] == "idle"


@pytest.mark.parametrize("action", ["interrupt", "rollback"])
async def test_a_pending_run_ends_without_starting(deployment: Deployment, action: Any) -> None:
    thread_id, running = await hanging(deployment)
    pending = await deployment.client.runs.create(thread_id, "echo", input={"text": "x"})
    path = f"/threads/{thread_id}/runs/{pending['run_id']}"
    async with raw_stream(deployment.there.http, "GET", f"{path}/stream") as (_, frames):
        await deployment.client.runs.cancel(thread_id, pending["run_id"], action=action)
        names = [frame.field("event") async for frame in frames if frame.field("event")]
    assert [name for name in names if name != "queue"] == ["end"]
    response = await deployment.http.get(path)
    if action == "interrupt":
        assert response.json()["status"] == "interrupted"
    else:
        assert response.status_code == 404
    await deployment.client.runs.cancel(thread_id, running, wait=True)
    assert (await deployment.client.threads.get(thread_id))["status"] != "busy"


@pytest.mark.parametrize("action", ["interrupt", "rollback"])
async def test_a_delayed_run_can_be_cancelled_and_frees_its_thread(
    deployment: Deployment, action: Any
) -> None:
    thread_id = await new_thread(deployment)
    run = await deployment.client.runs.create(
        thread_id, "echo", input={"text": "x"}, after_seconds=3600
    )
    assert (await deployment.client.threads.get(thread_id))["status"] == "busy"
    await deployment.there.client.runs.cancel(thread_id, run["run_id"], action=action, wait=True)
    assert (await deployment.client.threads.get(thread_id))["status"] == "idle"


async def test_an_ended_run_cannot_be_cancelled(deployment: Deployment) -> None:
    thread_id = await new_thread(deployment)
    run = await deployment.client.runs.create(thread_id, "echo", input={"text": "x"})
    await deployment.client.runs.join(thread_id, run["run_id"])
    for how in ({}, {"wait": 1}, {"action": "rollback"}):
        status, body = await cancel(deployment, thread_id, run["run_id"], **how)
        assert (status, b"over already" in body) == (404, True)


async def test_an_unknown_run_cannot_be_cancelled(deployment: Deployment) -> None:
    thread_id = await new_thread(deployment)
    status, _ = await cancel(deployment, thread_id, str(new_run_id()))
    assert status == 404


async def test_an_unknown_action_is_refused(deployment: Deployment) -> None:
    thread_id, run_id = await hanging(deployment)
    status, body = await cancel(deployment, thread_id, run_id, action="explode")
    assert status == 422
    assert b"'interrupt' or 'rollback'" in body
    await deployment.client.runs.cancel(thread_id, run_id, wait=True)


async def test_a_swallowed_cancel_still_ends_interrupted(deployment: Deployment) -> None:
    thread_id = await new_thread(deployment)
    run = await deployment.client.runs.create(
        thread_id, "faulty", input={"verb": "swallow"}, stream_mode="updates"
    )
    join = deployment.client.runs.join_stream(thread_id, run["run_id"], last_event_id="-1")
    async for part in join:
        if part.event == "updates":
            break
    await deployment.there.client.runs.cancel(thread_id, run["run_id"], wait=True)
    shown = await deployment.client.runs.get(thread_id, run["run_id"])
    assert shown["status"] == "interrupted"


async def test_a_stateless_run_can_be_cancelled_at_its_path(deployment: Deployment) -> None:
    run = await deployment.client.runs.create(None, "faulty", input=HANG)
    response = await deployment.there.http.post(f"/runs/{run['run_id']}/cancel?wait=1")
    assert (response.status_code, response.content.strip()) == (200, b"{}")
    shown = await deployment.there.http.get(f"/runs/{run['run_id']}")
    assert shown.json()["status"] == "interrupted"


async def test_several_runs_of_a_thread_are_cancelled_at_once(deployment: Deployment) -> None:
    thread_id, first = await hanging(deployment)
    second = await deployment.client.runs.create(thread_id, "echo", input={"text": "x"})
    ids = [first, second["run_id"]]
    await deployment.there.client.runs.cancel_many(thread_id=thread_id, run_ids=ids)
    await asyncio.gather(*(deployment.client.runs.join(thread_id, run_id) for run_id in ids))
    runs = await deployment.client.runs.list(thread_id)
    assert {run["status"] for run in runs} == {"interrupted"}


async def test_no_run_begins_because_the_one_before_it_was_cancelled_with_it(
    deployment: Deployment,
) -> None:
    thread_id, _ = await hanging(deployment)
    for _ in range(20):
        await deployment.client.runs.create(thread_id, "faulty", input=HANG)
    ids = [run["run_id"] for run in await deployment.client.runs.list(thread_id, limit=30)]
    await deployment.there.client.runs.cancel_many(thread_id=thread_id, run_ids=ids)
    await asyncio.gather(*(deployment.client.runs.join(thread_id, run_id) for run_id in ids))
    runs = await deployment.client.runs.list(thread_id, limit=30)
    assert {run["status"] for run in runs} == {"interrupted"}
    assert sum(run["attempt"] for run in runs) == 1  # type: ignore[typeddict-item]  # ours


async def test_runs_are_cancelled_by_status(deployment: Deployment) -> None:
    thread_id, running = await hanging(deployment)
    pending = await deployment.client.runs.create(thread_id, "echo", input={"text": "x"})
    await deployment.there.client.runs.cancel_many(status="pending")
    shown = await deployment.client.runs.get(thread_id, pending["run_id"])
    assert shown["status"] == "interrupted"
    assert (await deployment.client.runs.get(thread_id, running))["status"] == "running"
    await deployment.there.client.runs.cancel_many(status="running")
    await deployment.client.runs.join(thread_id, running)
    assert (await deployment.client.runs.get(thread_id, running))["status"] == "interrupted"


@pytest.mark.parametrize(
    "body",
    [{}, {"status": "all", "thread_id": str(new_run_id()), "run_ids": [str(new_run_id())]}],
    ids=["neither", "both"],
)
async def test_a_bulk_cancel_says_which_runs_in_one_way(deployment: Deployment, body: Any) -> None:
    response = await deployment.http.post("/runs/cancel", json=body)
    assert response.status_code == 422


async def test_a_bulk_cancel_that_finds_nothing_says_so(deployment: Deployment) -> None:
    body = {"thread_id": str(new_run_id()), "run_ids": [str(new_run_id())]}
    response = await deployment.http.post("/runs/cancel", json=body)
    assert response.status_code == 404


async def test_deleting_a_running_run_stops_it_and_frees_its_thread(
    deployment: Deployment,
) -> None:
    thread_id, run_id = await hanging(deployment)
    listener = await listen(deployment.there.client, thread_id, run_id)
    await deployment.client.runs.delete(thread_id, run_id)
    assert (await listener.all())[-1].event == "end"
    with pytest.raises(NotFoundError):
        await deployment.client.runs.get(thread_id, run_id)
    assert (await deployment.client.threads.get(thread_id))["status"] == "idle"


async def test_deleting_a_thread_stops_its_run(deployment: Deployment) -> None:
    thread_id, run_id = await hanging(deployment)
    listener = await listen(deployment.there.client, thread_id, run_id)
    await deployment.client.threads.delete(thread_id)
    assert (await listener.all())[-1].event == "end"
    with pytest.raises(NotFoundError):
        await deployment.client.threads.get(thread_id)
