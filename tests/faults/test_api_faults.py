"""API processes that die or stop while clients listen."""

import asyncio
import signal
from typing import Any

import pytest

from tests.support.site import Site
from tests.support.streaming import Listener, listen, names_of
from tests.support.waiting import eventually

STEPS = 60
COUNT: Any = {"steps": STEPS, "seconds": 0.05}


async def heard(listener: Listener, events: int) -> None:
    """Wait until the listener has heard so many events."""

    async def enough() -> bool:
        return len(listener.parts) >= events

    await eventually(enough)


async def test_clients_of_a_killed_api_come_back_and_miss_nothing(site: Site) -> None:
    thread_id = (await site.client.threads.create())["thread_id"]
    creator = Listener(site.client.runs.stream(thread_id, "counter", input=COUNT))
    await creator.began()
    run_id = creator.parts[0].data["run_id"]
    joiners = [await listen(site.client, thread_id, run_id) for _ in range(5)]
    uncut = await listen(site.deployment.there.client, thread_id, run_id)
    await heard(creator, 10)
    api, _ = site.topology.apis
    await api.kill()
    await api.start()
    parts = await uncut.all()
    assert names_of(parts) == ["metadata", *["values"] * (STEPS + 1), "end"]
    for listener in (creator, *joiners):
        assert await listener.all() == parts
    await site.auditor.agree(parts)


async def test_a_wait_at_a_killed_api_is_answered_after_the_client_came_back(site: Site) -> None:
    thread_id = (await site.client.threads.create())["thread_id"]
    waiting = asyncio.create_task(site.client.runs.wait(thread_id, "counter", input=COUNT))

    async def created() -> str | None:
        runs = await site.deployment.there.client.runs.list(thread_id)
        return runs[0]["run_id"] if runs else None

    run_id = await eventually(created)
    await site.worker_of(run_id)
    api, _ = site.topology.apis
    await api.kill()
    await api.start()
    result: Any = await waiting
    assert result["count"] == STEPS


@pytest.mark.parametrize("on_thread", [True, False])
async def test_a_stopping_api_lets_its_clients_go_on_elsewhere(site: Site, on_thread: bool) -> None:
    """The run is over before they are back, so what is over must not pass for what was heard."""
    thread_id = (await site.client.threads.create())["thread_id"] if on_thread else None
    creator = Listener(site.client.runs.stream(thread_id, "counter", input=COUNT))
    await creator.began()
    run_id = creator.parts[0].data["run_id"]
    api, _ = site.topology.apis
    api.signal(signal.SIGTERM)
    assert await api.ended() == 0
    await site.deployment.there.http.get(f"/runs/{run_id}/join")
    await api.start()
    parts = await creator.all()
    assert names_of(parts) == ["metadata", *["values"] * (STEPS + 1), "end"]
    await site.auditor.agree(parts)


async def test_who_follows_a_thread_at_a_stopping_api_goes_on_elsewhere(site: Site) -> None:
    thread_id, run_id = await site.begin("counter", COUNT)
    entrances = site.deployment.here, site.deployment.there
    here, there = [
        Listener(await entrance.client.threads.join_stream(thread_id, last_event_id="-1"))
        for entrance in entrances
    ]
    await here.began()
    api, _ = site.topology.apis
    api.signal(signal.SIGTERM)
    assert await api.ended() == 0
    await api.start()
    await site.client.runs.join(thread_id, run_id)
    await site.client.threads.delete(thread_id)
    parts = await there.all()
    assert names_of(parts) == ["metadata", *["values"] * (STEPS + 1), "metadata"]
    assert await here.all() == parts


async def test_a_run_whose_only_api_died_is_executed_all_the_same(site: Site) -> None:
    thread_id, run_id = await site.begin("counter", COUNT)
    api, _ = site.topology.apis
    await api.kill()
    result: Any = await site.deployment.there.client.runs.join(thread_id, run_id)
    assert result["count"] == STEPS
