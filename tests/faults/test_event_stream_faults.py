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
    lives_of,
    names_of,
    of_method,
    seqs_of,
    start,
    watching,
)
from tests.support.javascript import playing
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

    async def has(self, message_event: str) -> None:
        """Wait for such an event of a message."""

        async def is_there() -> bool:
            return any(e["event"] == message_event for e in of_method(self.events, "messages"))

        await eventually(is_there)

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
    lives = [name for event, name in zip(seen, names_of(seen), strict=True) if lifecycle_of(event)]
    assert len(set(lives)) == 3, "clients drop what they know"
    assert [next(iter(delta)) for delta in of_method(seen, "updates")][-1] == "after"
    assert of_method(seen, "values")[-1]["trail"] == ["before", "fault", "after"]
    assert seqs_of(seen) == sorted(set(seqs_of(seen)))


async def test_a_message_that_a_stopping_worker_did_not_finish_is_taken_back(site: Site) -> None:
    said = " ".join(str(number) for number in range(40))
    given = {"messages": [{"role": "human", "content": said}], "delay": 0.05}
    thread_id, run_id = await start(site.deployment.http, "chat", given)
    follower = Follower(site.deployment.http, thread_id)
    worker = await site.worker_of(run_id)
    await follower.has("content-block-delta")
    worker.signal(signal.SIGTERM)
    events = of_method(await follower.all(), "messages")
    begun = [event["id"] for event in events if event["event"] == "message-start"]
    half, whole = [[e for e in events if e.get("message_id") == name] for name in begun]
    assert [event["event"] for event in half[-2:]] == ["content-block-finish", "error"]
    assert (half[-2]["content"], half[-1]["code"]) == ({"type": "text", "text": ""}, "aborted")
    assert whole[-1]["event"] == "message-finish"
    assert whole[-2]["content"]["text"] == f"You said: {said}"


async def test_official_clients_hear_the_next_attempts_message_after_the_unfinished_one(
    site: Site,
) -> None:
    """Python's says that it was given up; JavaScript's ends it, and so does not wait for ever."""
    said = " ".join(str(number) for number in range(50))
    given = {"messages": [{"role": "human", "content": said}], "delay": 0.05}
    url = str(site.deployment.http.base_url)
    async with (
        playing("@langchain/langgraph-sdk", url, "speak", assistant="chat", input=given) as lines,
        site.client.threads.stream(assistant_id="chat") as thread,
    ):
        in_javascript = aiter(lines)
        there = (await anext(in_javascript))["run_id"]
        tokens = [await anext(in_javascript)]
        here = (await thread.run.start(input=given))["run_id"]
        follower = Follower(site.deployment.http, thread.thread_id)
        await follower.has("content-block-delta")
        for worker in {await site.worker_of(here), await site.worker_of(there)}:
            await worker.kill()
            await worker.start()
        half, whole = [message async for message in thread.messages]
        assert await whole.text == f"You said: {said}"
        with pytest.raises(RuntimeError, match="executed again"):
            await half.text
        tokens += [token async for token in in_javascript]
        await follower.all()
    assert "".join(tokens[:-1]).endswith(f"You said: {said}")
    assert tokens[-1] == ["human", "ai"]


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
    lives = lives_of(one)
    assert lives[-1] == (runs[-1], "completed")
    assert [run_id for run_id, become in lives if become == "running"] == runs
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
    assert lives_of(await follower.all())[-1] == (run_id, "completed")
