"""Redis dies, loses everything, or is away while runs are made, executed, cancelled and joined."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.support.site import Site
from tests.support.streaming import collect, datas_of, listen, names_of
from tests.support.waiting import eventually

COUNT: Any = {"steps": 40, "seconds": 0.05}


@asynccontextmanager
async def redis_away(site: Site) -> AsyncIterator[None]:
    """Afterwards Redis is there again, and empty."""
    site.redis.kill()
    try:
        yield
    finally:
        await asyncio.to_thread(site.redis.start)


async def test_a_run_survives_that_redis_dies_and_comes_back_empty(site: Site) -> None:
    thread_id, run_id, listener = await site.begin_and_listen("counter", COUNT)
    there = await listen(site.client, thread_id, run_id)

    async def well_under_way() -> bool:
        return len(listener.parts) > 10

    await eventually(well_under_way)
    async with redis_away(site):
        pass
    result: Any = await site.client.runs.join(thread_id, run_id)
    assert result["count"] == 40
    for parts in (await listener.all(), await there.all()):
        await site.auditor.agree(parts)
        assert datas_of(parts, "values")[-1]["count"] == 40
    shown = await site.run(thread_id, run_id)
    assert (shown["status"], shown["attempt"]) == ("success", 1)


@asynccontextmanager
async def redis_full(site: Site) -> AsyncIterator[None]:
    """It answers, publishes and takes subscriptions, but no writes."""
    await site.redis.call("config", "set", "maxmemory", 1)
    try:
        yield
    finally:
        await site.redis.call("config", "set", "maxmemory", 0)


async def test_a_redis_that_takes_no_writes_is_unwell_and_its_readers_are_told(site: Site) -> None:
    async with redis_full(site):
        answer = await site.deployment.http.get("/ok", params={"check_db": "1"})
        assert answer.status_code == 503
        assert "streams" in answer.text
        thread_id = await streamed(site)
    parts = await collect(site.client.runs.stream(thread_id, "counter", input={"steps": 1}))
    assert names_of(parts) == ["metadata", "values", "values", "end"]
    await site.auditor.agree(parts)


async def test_without_redis_runs_are_created_executed_cancelled_and_answered(site: Site) -> None:
    async with redis_away(site):
        answers = await asyncio.gather(
            created_and_joined(site),
            waited_for(site),
            streamed(site),
            cancelled(site),
            site.client.runs.wait(None, "echo", input={"text": "x"}),
        )
    thread_ids = answers[:3]
    assert answers[3:] == [{"status": "interrupted"}, {"text": "x"}]
    for thread_id in thread_ids:
        parts = await collect(site.client.runs.stream(thread_id, "counter", input={"steps": 1}))
        assert names_of(parts) == ["metadata", "values", "values", "end"]
        assert datas_of(parts, "values")[-1]["count"] == 4
        await site.auditor.agree(parts)


async def created_and_joined(site: Site) -> str:
    thread_id, run_id = await site.begin("counter", {"steps": 3})
    result: Any = await site.deployment.there.client.runs.join(thread_id, run_id)
    assert result["count"] == 3
    return thread_id


async def waited_for(site: Site) -> str:
    thread_id = (await site.client.threads.create())["thread_id"]
    result: Any = await site.client.runs.wait(thread_id, "counter", input={"steps": 3})
    assert result["count"] == 3
    return thread_id


async def streamed(site: Site) -> str:
    """A stream says that it could not show everything, shows the outcome, and ends."""
    thread_id = (await site.client.threads.create())["thread_id"]
    parts = await collect(site.client.runs.stream(thread_id, "counter", input={"steps": 3}))
    assert "gap" in names_of(parts)
    assert datas_of(parts, "values")[-1]["count"] == 3
    assert parts[-1].data["status"] == "success"
    return thread_id


async def cancelled(site: Site) -> dict[str, str]:
    """A worker learns of a cancel when it renews its lease."""
    thread_id, run_id = await site.begin("faulty", {"verb": "hang"})
    await site.worker_of(run_id)
    await site.deployment.there.client.runs.cancel(thread_id, run_id, wait=True)
    return {"status": (await site.run(thread_id, run_id))["status"]}
