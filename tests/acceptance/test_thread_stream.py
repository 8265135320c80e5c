"""Following a thread: all its runs, one after another, and what happens between them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from langgraph_sdk.errors import NotFoundError, UnprocessableEntityError
from langgraph_sdk.schema import StreamPart

from joinstream.domain.ids import new_thread_id
from tests.support.server import Deployment
from tests.support.streaming import datas_of, ids_of, raw_stream
from tests.support.waiting import eventually

Parts = list[StreamPart]


@asynccontextmanager
async def following(deployment: Deployment, thread_id: str, **options: Any) -> AsyncIterator[Parts]:
    """What comes by the other entrance, for as long as the context lasts."""
    parts: Parts = []

    async def collect() -> None:
        async for part in await deployment.there.client.threads.join_stream(thread_id, **options):
            parts.append(part)

    task = asyncio.create_task(collect())
    try:
        yield parts
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def new_thread(deployment: Deployment) -> str:
    return (await deployment.client.threads.create(graph_id="counter"))["thread_id"]


async def count(deployment: Deployment, thread_id: str, steps: int = 1) -> str:
    """Execute a run to its end; its id."""
    run = await deployment.client.runs.create(thread_id, "counter", input={"steps": steps})
    await deployment.client.runs.join(thread_id, run["run_id"])
    return run["run_id"]


def done(parts: Parts) -> list[str]:
    """The runs that are over."""
    return [m["run_id"] for m in datas_of(parts, "metadata") if m.get("status") == "run_done"]


async def until(parts: Parts, holds: Callable[[Parts], bool]) -> None:
    async def look() -> bool:
        return holds(parts)

    await eventually(look)


def assert_in_order(parts: Parts) -> None:
    ids = ids_of(parts)
    assert len(ids) == len(parts)
    assert ids == sorted(set(ids))


async def test_a_threads_runs_are_followed_one_after_another(deployment: Deployment) -> None:
    thread_id = await new_thread(deployment)
    first = await count(deployment, thread_id)
    async with following(deployment, thread_id, last_event_id="-1") as parts:
        await until(parts, lambda seen: done(seen) == [first])
        runs = [first, *[await count(deployment, thread_id, steps) for steps in (3, 1, 2)]]
        await until(parts, lambda seen: done(seen) == runs)
    assert_in_order(parts)
    begun = [m for m in datas_of(parts, "metadata") if "attempt" in m]
    assert begun == [{"run_id": run, "attempt": 1} for run in runs]
    assert [values["count"] for values in datas_of(parts, "values")] == [
        *range(2),
        *range(1, 5),
        *range(4, 6),
        *range(5, 8),
    ]
    assert "end" not in {part.event for part in parts}


async def test_who_comes_back_gets_exactly_what_was_missed(deployment: Deployment) -> None:
    thread_id = await new_thread(deployment)
    runs = [await count(deployment, thread_id, steps=2) for _ in range(3)]
    async with following(deployment, thread_id, last_event_id="-1") as whole:
        await until(whole, lambda seen: done(seen) == runs)
    for position in range(len(whole) - 1):
        async with following(deployment, thread_id, last_event_id=whole[position].id) as rest:
            await until(rest, lambda seen: done(seen)[-1:] == runs[-1:])
        assert rest == whole[position + 1 :]


async def test_without_a_position_it_begins_now(deployment: Deployment) -> None:
    thread_id = await new_thread(deployment)
    await count(deployment, thread_id)
    path = f"/threads/{thread_id}/stream"
    async with raw_stream(deployment.there.http, "GET", path) as (response, frames):
        assert response.headers["content-type"].startswith("text/event-stream")
        second = await count(deployment, thread_id)
        async for frame in frames:
            if frame.field("event"):
                break
    assert second in (frame.field("data") or "")


async def test_lifecycle_tells_where_runs_begin_and_end_alone(deployment: Deployment) -> None:
    thread_id = await new_thread(deployment)
    good = await count(deployment, thread_id)
    bad = (await deployment.client.runs.create(thread_id, "faulty", input={"verb": "raise"}))[
        "run_id"
    ]
    await deployment.client.runs.join(thread_id, bad)
    options = {"last_event_id": "-", "stream_mode": ["lifecycle"]}
    async with following(deployment, thread_id, **options) as parts:
        await until(parts, lambda seen: len(done(seen)) == 2)
    assert [part.event for part in parts] == ["metadata"] * 4
    assert [part.data for part in parts] == [
        {"run_id": good, "attempt": 1},
        {"status": "run_done", "run_id": good, "run_status": "success"},
        {"run_id": bad, "attempt": 1},
        {"status": "run_done", "run_id": bad, "run_status": "error"},
    ]


async def test_changes_of_the_state_are_told_to_those_who_ask(deployment: Deployment) -> None:
    thread_id = await new_thread(deployment)
    await count(deployment, thread_id)
    await deployment.client.threads.update_state(thread_id, {"count": 40})
    last = await count(deployment, thread_id)
    both = {"last_event_id": "-1", "stream_mode": ["run_modes", "state_update"]}
    async with following(deployment, thread_id, **both) as parts:
        await until(parts, lambda seen: last in done(seen))
        [update] = datas_of(parts, "state_update")
        assert update["thread_id"] == thread_id
        assert update["state"]["values"]["count"] == 41
        assert_in_order(parts)
        await deployment.client.threads.update_state(thread_id, {"count": 1})
        await until(parts, lambda seen: len(datas_of(seen, "state_update")) == 2)
    async with following(deployment, thread_id, last_event_id="-1") as parts:
        await until(parts, lambda seen: last in done(seen))
    assert "state_update" not in {part.event for part in parts}
    assert "gap" not in {part.event for part in parts}


async def test_it_ends_when_the_thread_is_deleted(deployment: Deployment) -> None:
    thread_id = await new_thread(deployment)
    path = f"/threads/{thread_id}/stream"
    async with raw_stream(deployment.there.http, "GET", path) as (_, frames):
        await deployment.client.threads.delete(thread_id)
        assert [frame async for frame in frames if frame.field("event")] == []


async def test_what_is_sent_wrongly_is_refused_before_any_stream(deployment: Deployment) -> None:
    follow: Any = deployment.client.threads.join_stream
    with pytest.raises(NotFoundError):
        await anext(aiter(await follow(str(new_thread_id()))))
    with pytest.raises(UnprocessableEntityError, match="run_modes"):
        await anext(aiter(await follow(await new_thread(deployment), stream_mode="values")))
