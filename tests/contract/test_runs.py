"""What the methods of `client.runs` do with runs that are there."""

from contextlib import aclosing
from typing import Any, get_args
from uuid import uuid4

import pytest
from langgraph_sdk.errors import NotFoundError
from langgraph_sdk.schema import RunSelectField

from tests.contract.scenes import (
    all_of,
    busy_thread,
    counted_thread,
    latest_run,
    new_thread,
    refused,
)
from tests.support.contract import AnyClient, contract
from tests.support.waiting import eventually

# --- reading ------------------------------------------------------------------------------------


@contract("runs.list")
async def test_list(client: AnyClient) -> None:
    thread_id = await new_thread(client)
    for verb in ("ok", "raise", "ok"):
        await client.runs.wait(thread_id, "faulty", input={"verb": verb}, raise_error=False)
    runs = await client.runs.list(thread_id)
    assert [run["status"] for run in runs] == ["success", "error", "success"]
    assert await client.runs.list(thread_id, limit=1, offset=1) == [runs[1]]
    assert await client.runs.list(thread_id, status="error") == [runs[1]]
    assert runs[1]["error"] == {"error": "ValueError", "message": "told to fail"}
    (part,) = await client.runs.list(thread_id, limit=1, select=["run_id", "status"])
    assert part == {"run_id": runs[0]["run_id"], "status": "success"}
    selectable = get_args(RunSelectField)
    (whole,) = await client.runs.list(thread_id, limit=1, select=list(selectable))
    assert whole.keys() == set(selectable)


@contract("runs.get")
async def test_get(client: AnyClient) -> None:
    thread_id, run_id = await busy_thread(client)
    run = await client.runs.get(thread_id, run_id)
    assert (run["run_id"], run["thread_id"]) == (run_id, thread_id)
    assert run["metadata"]["assistant_id"] == run["assistant_id"]
    assert run["multitask_strategy"] == "enqueue"
    await client.runs.cancel(thread_id, run_id, wait=True)
    run = await client.runs.get(thread_id, run_id)
    assert (run["status"], run["cancel_reason"]) == ("interrupted", "cancelled by request")
    for thread, unknown in ((thread_id, str(uuid4())), (str(uuid4()), run_id)):
        with pytest.raises(NotFoundError):
            await client.runs.get(thread, unknown)


@contract("runs.join")
async def test_join(client: AnyClient) -> None:
    thread_id = await new_thread(client)
    given = {"steps": 1, "seconds": 0.05}
    runs = [await client.runs.create(thread_id, "counter", input=given) for _ in range(2)]
    counts = [(await client.runs.join(thread_id, run["run_id"]))["count"] for run in runs[::-1]]
    assert counts == [2, 1]
    with refused(404):
        await client.runs.join(thread_id, str(uuid4()))


@contract("runs.join_stream")
async def test_join_stream(client: AnyClient) -> None:
    thread_id = await new_thread(client)
    modes = ["values", "updates"]
    created = await all_of(
        client.runs.stream(thread_id, "counter", input={"steps": 2}, stream_mode=modes)
    )
    run_id = created[0].data["run_id"]

    async def joined(**asked: Any) -> list[Any]:
        return await all_of(client.runs.join_stream(thread_id, run_id, **asked))

    assert await joined(last_event_id="-1") == created
    assert await joined(last_event_id=created[2].id) == created[3:]
    assert [part.event for part in await joined()] == ["end"]
    updates = await joined(last_event_id="-1", stream_mode=["updates"])
    assert [part.event for part in updates] == ["metadata", "updates", "updates", "end"]
    with pytest.raises(NotFoundError):
        await all_of(client.runs.join_stream(thread_id, str(uuid4())))

    thread_id, run_id = await busy_thread(client)
    stream = client.runs.join_stream(
        thread_id, run_id, cancel_on_disconnect=True, last_event_id="-1"
    )
    async with aclosing(stream):
        async for part in stream:
            if part.event == "values":
                break

    async def is_interrupted() -> bool:
        return bool((await client.runs.get(thread_id, run_id))["status"] == "interrupted")

    await eventually(is_interrupted)


@contract("threads.join_stream")
async def test_join_thread_stream(client: AnyClient) -> None:
    thread_id = await new_thread(client)
    run_ids = []
    for steps in (1, 2):
        created = await client.runs.create(thread_id, "counter", input={"steps": steps})
        await client.runs.join(thread_id, created["run_id"])
        run_ids.append(created["run_id"])

    async def until_both_are_done(**asked: Any) -> list[Any]:
        parts = []
        stream = await client.threads.join_stream(thread_id, **asked)
        async with aclosing(stream):
            async for part in stream:
                parts.append(part)
                if part.data == done(run_ids[1]):
                    break
        return parts

    def done(run_id: str) -> dict[str, str]:
        return {"status": "run_done", "run_id": run_id, "run_status": "success"}

    parts = await until_both_are_done(last_event_id="-1")
    names = [part.event for part in parts]
    assert names == [
        *["metadata", *["values"] * 2, "metadata"],
        "metadata",
        *["values"] * 3,
        "metadata",
    ]
    assert parts[3].data == done(run_ids[0])
    assert await until_both_are_done(last_event_id=parts[3].id) == parts[4:]
    lifecycle = await until_both_are_done(last_event_id="-1", stream_mode=["lifecycle"])
    assert lifecycle == [part for part in parts if part.event == "metadata"]
    with refused(404):
        await all_of(await client.threads.join_stream(str(uuid4())))


# --- ending -------------------------------------------------------------------------------------


@contract("runs.cancel")
async def test_cancel(client: AnyClient) -> None:
    thread_id, run_id = await busy_thread(client)
    await client.runs.cancel(thread_id, run_id, wait=True, action="interrupt")
    assert (await client.runs.get(thread_id, run_id))["status"] == "interrupted"
    assert (await client.threads.get(thread_id))["status"] in ("idle", "interrupted")
    with pytest.raises(NotFoundError):
        await client.runs.cancel(thread_id, run_id)

    thread_id, run_id = await busy_thread(client)
    assert await client.runs.cancel(thread_id, run_id, wait=False, action="rollback") is None

    async def is_idle() -> bool:
        return bool((await client.threads.get(thread_id))["status"] == "idle")

    await eventually(is_idle)
    with pytest.raises(NotFoundError):
        await client.runs.get(thread_id, run_id)
    assert await client.threads.get_history(thread_id) == []


@contract("runs.cancel_many")
async def test_cancel_many(client: AnyClient) -> None:
    thread_id, running = await busy_thread(client)
    waiting = [
        (await client.runs.create(thread_id, "counter", input={"steps": 9, "seconds": 60}))[
            "run_id"
        ]
        for _ in range(2)
    ]
    nothing = await client.runs.cancel_many(
        thread_id=thread_id, run_ids=waiting[:1], action="interrupt"
    )
    assert nothing is None
    assert (await client.runs.get(thread_id, waiting[0]))["status"] == "interrupted"
    assert (await client.runs.get(thread_id, waiting[1]))["status"] == "pending"
    await client.runs.cancel_many(status="all", action="rollback")

    async def are_gone() -> bool:
        return [run["run_id"] for run in await client.runs.list(thread_id)] == [waiting[0]]

    await eventually(are_gone)
    assert running not in [run["run_id"] for run in await client.runs.list(thread_id)]
    with pytest.raises(NotFoundError):
        await client.runs.cancel_many(thread_id=thread_id, run_ids=waiting)


@contract("runs.delete")
async def test_delete(client: AnyClient) -> None:
    thread_id = await counted_thread(client, 2)
    ended = (await latest_run(client, thread_id))["run_id"]
    await client.runs.delete(thread_id, ended)
    assert await client.runs.list(thread_id) == []
    assert await client.threads.get_history(thread_id) == []
    thread_id, running = await busy_thread(client)
    await client.runs.delete(thread_id, running)

    async def is_idle() -> bool:
        return bool((await client.threads.get(thread_id))["status"] == "idle")

    await eventually(is_idle)
    with pytest.raises(NotFoundError):
        await client.runs.get(thread_id, running)
