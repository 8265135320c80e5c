"""Who watches a thread by the event-streaming protocol: from where, what of it, and whose runs."""

import asyncio
from contextlib import suppress
from typing import Any
from uuid import uuid4

import httpx
import pytest

from joinstream.services.watched_past import JUST_NOW
from tests.support.event_streams import (
    ALL,
    lifecycle_of,
    lives_of,
    names_of,
    of_method,
    start,
    watching,
)
from tests.support.server import Deployment
from tests.support.streaming import collect
from tests.support.streaming import names_of as classic_names_of


async def test_a_stream_may_be_open_before_there_is_a_thread(http: httpx.AsyncClient) -> None:
    thread_id = str(uuid4())
    async with watching(http, thread_id) as events:
        for text in ("one", "two"):
            await start(http, "echo", {"text": text}, thread_id)
            seen = await events.to_the_end()
            assert of_method(seen, "values")[-1] == {"text": text}


async def test_a_new_stream_gets_everything_again_by_the_same_names(
    deployment: Deployment,
) -> None:
    thread_id, _ = await start(deployment.here.http, "echo", {"text": "hi"})
    seen = []
    for entrance in (deployment.here, deployment.there):
        async with watching(entrance.http, thread_id) as events:
            seen.append(await events.to_the_end())
    assert seen[0] == seen[1]


async def test_since_leaves_out_what_is_known(deployment: Deployment) -> None:
    thread_id, _ = await start(deployment.here.http, "echo", {"text": "hi"})
    async with watching(deployment.here.http, thread_id) as events:
        seen = await events.to_the_end()
    for known in (0, 3, len(seen) - 2):
        since = seen[known]["seq"]
        async with watching(deployment.there.http, thread_id, since=since) as events:
            assert await events.to_the_end() == seen[known + 1 :]


async def test_the_end_of_an_earlier_run_is_not_told_as_that_of_a_later_one(
    http: httpx.AsyncClient,
) -> None:
    thread_id, first = await start(http, "echo", {"text": "one"})
    async with watching(http, thread_id) as events:
        await events.to_the_end()
    _, second = await start(http, "counter", {"steps": 2, "seconds": 0.2}, thread_id)
    async with watching(http, thread_id) as events:
        seen = await events.to_the_end()
    lives = lives_of(seen)
    assert (first, "running") in lives
    assert (first, "completed") not in lives
    assert lives[-1] == (second, "completed")


async def test_only_what_was_asked_for_is_sent(http: httpx.AsyncClient) -> None:
    thread_id, _ = await start(http, "research", {"question": "why"})

    async def seen(*channels: str, **more: Any) -> list[dict[str, Any]]:
        async with watching(http, thread_id, *channels, "lifecycle", **more) as events:
            return await events.to_the_end()

    everything = await seen(*ALL)
    assert {event["method"] for event in await seen("values")} == {"values", "lifecycle"}
    at_root = await seen(*ALL, namespaces=[[]], depth=0)
    assert at_root == [event for event in everything if not event["params"]["namespace"]]
    one_down = await seen(*ALL, namespaces=[[]], depth=1)
    assert one_down == [event for event in everything if len(event["params"]["namespace"]) < 2]


async def test_a_namespace_stands_for_all_below_it(http: httpx.AsyncClient) -> None:
    thread_id, _ = await start(http, "research", {"question": "why"})
    async with watching(http, thread_id) as events:
        everything = await events.to_the_end()
    below = [event for event in everything if event["params"]["namespace"]]
    child = below[0]["params"]["namespace"]
    for prefix in (child, ["investigate"]):
        async with watching(http, thread_id, namespaces=[prefix]) as events:
            assert [await events.next() for _ in below] == below


async def test_joining_such_a_run_by_its_own_path_gives_classic_events(
    deployment: Deployment,
) -> None:
    thread_id, run_id = await start(deployment.http, "progress", {"total": 2})
    parts = await collect(deployment.client.runs.join_stream(thread_id, run_id, last_event_id="-1"))
    names = [name.partition("|")[0] for name in classic_names_of(parts)]
    assert (names[0], names[-1]) == ("metadata", "end")
    assert set(names) == {"metadata", "values", "custom", "updates", "tasks", "end"}
    told = [part.data["label"] for part in parts if part.event == "custom"]
    assert told == ["1 of 2", "2 of 2"]
    wanted = deployment.client.runs.join_stream(
        thread_id, run_id, last_event_id="-1", stream_mode="updates"
    )
    names = [name.partition("|")[0] for name in classic_names_of(await collect(wanted))]
    assert set(names) == {"metadata", "updates", "end"}


async def test_classic_runs_show_as_well(deployment: Deployment) -> None:
    thread_id = str((await deployment.client.threads.create())["thread_id"])
    async with watching(deployment.http, thread_id) as events:
        given: Any = {"messages": [{"role": "user", "content": "hi there"}]}
        for mode in ("messages-tuple", "messages"):
            modes: Any = ["values", "updates", "custom", "tasks", mode]
            run = deployment.client.runs.stream(thread_id, "chat", input=given, stream_mode=modes)
            await collect(run)
            seen = await events.to_the_end()
            assert lifecycle_of(seen[0]) == "running"
            assert of_method(seen, "values")[-1]["messages"][-1]["content"] == "You said: hi there"
            assert [e["params"]["node"] for e in seen if e["method"] == "updates"] == ["answer"]
            parts = of_method(seen, "messages")
            assert (parts[0]["event"], parts[-1]["event"]) == ("message-start", "message-finish")
            text = "".join(part["delta"]["text"] for part in parts if "delta" in part)
            assert text == parts[-2]["content"]["text"] == "You said: hi there"
            assert len(set(names_of(seen))) == len(seen)


async def test_a_state_that_is_set_by_hand_shows_too(deployment: Deployment) -> None:
    thread_id, _ = await start(deployment.http, "echo", {"text": "hi"})
    async with watching(deployment.http, thread_id, "values", "lifecycle") as events:
        await events.to_the_end()
        await deployment.client.threads.update_state(thread_id, {"text": "new"})
        changed = await events.next()
    assert (changed["method"], changed["params"]["data"]) == ("values", {"text": "new"})


async def test_a_watcher_is_spared_the_past_once_it_is_known(deployment: Deployment) -> None:
    """As Python's client does: it watches, and only then starts its run."""
    thread_id, first = await start(deployment.http, "echo", {"text": "one"})
    async with watching(deployment.http, thread_id, "lifecycle", "input") as events:
        assert len(await events.to_the_end()) == 2, "it may have been started by this client"
    async with watching(deployment.http, thread_id, "lifecycle", "input") as events:
        _, second = await start(deployment.http, "echo", {"text": "two"}, thread_id)
        lives = lives_of(await events.to_the_end())
        assert lives == [(second, "running"), (second, "completed")]
    async with watching(deployment.http, thread_id, "values", "lifecycle") as events:
        assert lives_of(await events.to_the_end())[0] == (first, "running")


@pytest.mark.parametrize("first", ["completed", "failed"])
async def test_the_output_is_that_of_the_run_just_started_whatever_was_before(
    deployment: Deployment, first: str
) -> None:
    """As in a chat, whose next turn another process answers, or the same one."""
    begin = {"verb": "ok" if first == "completed" else "raise"}
    here, there = deployment.here.client, deployment.there.client
    async with here.threads.stream(assistant_id="faulty") as thread:
        await thread.run.start(input=begin)
        with suppress(RuntimeError):
            await thread.output
        thread_id = thread.thread_id
    await asyncio.sleep(JUST_NOW.total_seconds())
    async with there.threads.stream(thread_id, assistant_id="faulty") as thread:
        await thread.run.start(input={"verb": "sleep", "seconds": 0.3})
        output = await thread.output
    before = ["before", "fault", "after"] if first == "completed" else ["before"]
    assert output["trail"] == [*before, "before", "fault", "after"]
