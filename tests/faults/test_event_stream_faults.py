"""Workers, API processes and Redis that die while threads are followed by the event-streaming
protocol."""

import asyncio
import json
import signal
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from websockets.asyncio.client import connect

from tests.faults.test_redis_faults import redis_away
from tests.support.event_streams import (
    Event,
    ends_run,
    lifecycle_of,
    names_of,
    of_method,
    seqs_of,
    start,
    watching,
)
from tests.support.journal import appears
from tests.support.site import Site
from tests.support.waiting import eventually

RUNS = 30


class Follower:
    """Follows a thread in the background, up to the end of so many runs."""

    def __init__(self, http: httpx.AsyncClient, thread_id: str, runs: int = 1) -> None:
        self.events: list[Event] = []
        self.is_open = asyncio.Event()
        self._task = asyncio.create_task(self._follow(http, thread_id, runs))

    async def _follow(self, http: httpx.AsyncClient, thread_id: str, runs: int) -> None:
        async with watching(http, thread_id) as events:
            self.is_open.set()
            while runs:
                self.events.append(await events.next())
                runs -= ends_run(self.events[-1])

    async def all(self) -> list[Event]:
        await self._task
        return self.events

    async def cut(self) -> list[Event]:
        """What it heard until its connection broke."""
        with pytest.raises(httpx.HTTPError):
            await self._task
        return self.events

    async def heard(self, count: int) -> None:
        async def enough() -> bool:
            return len(self.events) >= count

        await eventually(enough)


async def test_a_killed_workers_run_goes_on_in_the_same_stream(site: Site, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    given = {"verb": "hang", "times": 1, "path": str(journal)}
    thread_id, run_id = await start(site.deployment.http, "faulty", given)
    follower = Follower(site.deployment.http, thread_id)
    worker = await site.worker_of(run_id)
    await appears(journal, "fault")
    await worker.kill()
    seen = await follower.all()
    assert [lifecycle_of(event) for event in seen if lifecycle_of(event)] == [
        "running",
        "running",
        "completed",
    ]
    names = [name for name in names_of(seen) if name.endswith("running")]
    assert names == [f"synth:{run_id}:lc||running"] * 2, "clients drop what they know"
    assert [next(iter(delta)) for delta in of_method(seen, "updates")][-1] == "after"
    assert of_method(seen, "values")[-1]["trail"] == ["before", "fault", "after"]
    assert seqs_of(seen) == sorted(set(seqs_of(seen)))


async def test_who_was_cut_off_goes_on_elsewhere_with_what_came_after(site: Site) -> None:
    here, there = site.deployment.here.http, site.deployment.there.http
    thread_id, _ = await start(there, "counter", {"steps": 30, "seconds": 0.05})
    uncut, cut = Follower(there, thread_id), Follower(here, thread_id)
    await cut.heard(20)
    api, _ = site.topology.apis
    await api.kill()
    before = await cut.cut()
    async with watching(there, thread_id, since=before[-1]["seq"]) as events:
        after = await events.to_the_end()
    assert [*before, *after] == await uncut.all()
    await api.start()


async def test_a_stopping_api_sends_its_sockets_elsewhere(site: Site) -> None:
    url = str(site.deployment.here.http.base_url.copy_with(scheme="ws")).rstrip("/")
    thread_id, _ = await start(site.deployment.http, "echo", {"text": "hi"})
    api, _ = site.topology.apis
    async with connect(f"{url}/threads/{thread_id}/stream/events") as socket:
        params = {"channels": ["lifecycle"]}
        await socket.send(
            json.dumps({"id": 1, "method": "subscription.subscribe", "params": params})
        )
        await socket.recv()
        api.signal(signal.SIGTERM)
        await socket.wait_closed()
        assert socket.close_code == 1012
    assert await api.ended() == 0
    await api.start()


async def test_many_runs_in_a_row_are_told_alike_and_in_order_everywhere(site: Site) -> None:
    here, there = site.deployment.here.http, site.deployment.there.http
    thread_id = str(uuid4())
    followers = [Follower(http, thread_id, RUNS) for http in (here, there)]
    for follower in followers:
        await follower.is_open.wait()
    entrances = [here, there]
    runs = []
    for number in range(RUNS):
        given = {"text": str(number)}
        _, run_id = await start(entrances[number % 2], "echo", given, thread_id)
        runs.append(run_id)
    one, other = [await follower.all() for follower in followers]
    ended = [event["event_id"] for event in one if ends_run(event)]
    assert ended[-1] == f"synth:{runs[-1]}:lc||completed"
    assert [name for name in names_of(one) if name.endswith("running")] == [
        f"synth:{run_id}:lc||running" for run_id in runs
    ]
    assert one == other
    assert seqs_of(one) == sorted(set(seqs_of(one)))


async def test_a_run_that_ends_while_redis_is_away_ends_in_the_stream_too(site: Site) -> None:
    http = site.deployment.http
    thread_id, run_id = await start(http, "counter", {"steps": 20, "seconds": 0.1})
    follower = Follower(http, thread_id)
    await follower.heard(10)
    async with redis_away(site):
        result: Any = await site.client.runs.join(thread_id, run_id)
    assert result["count"] == 20
    assert ends_run((await follower.all())[-1])
    assert follower.events[-1]["event_id"] == f"synth:{run_id}:lc||completed"
