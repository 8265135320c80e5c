"""Workers that die while agents are at work."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

from a2a.client import Client
from a2a.types import a2a_pb2 as words

from tests.support.a2a import Built, a2a_client, order, result, state
from tests.support.held import TEXT, Held
from tests.support.site import Site
from tests.support.waiting import eventually


async def follow(stream: AsyncIterator[words.StreamResponse], task: Built) -> None:
    async for event in stream:
        task.take(event)


def subscribed(client: Client, task: Built) -> AsyncIterator[words.StreamResponse]:
    return client.subscribe(words.SubscribeToTaskRequest(id=task.task_id))


async def has_words(task: Built) -> bool:
    return bool(task.text)


async def test_a_task_goes_on_when_its_worker_died_and_every_stream_has_all_of_it(
    site: Site, tmp_path: Path
) -> None:
    alike, otherwise = Held(tmp_path, "alike"), Held(tmp_path, "otherwise")
    async with (
        a2a_client(site.deployment.here.http, "speaker", streaming=True) as here,
        a2a_client(site.deployment.there.http, "speaker", streaming=True) as there,
    ):
        tasks = Built(), Built()
        following = [
            asyncio.create_task(follow(here.send_message(order(**held.what)), task))
            for held, task in zip((alike, otherwise), tasks, strict=True)
        ]
        for task in tasks:
            await eventually(partial(has_words, task))
            assert task.text == "once "
        await asyncio.gather(*(worker.kill() for worker in site.topology.workers))
        late = Built()
        following.append(asyncio.create_task(follow(subscribed(there, tasks[0]), late)))
        alike.go_on()
        otherwise.go_on("twice upon a time")
        await site.topology.start_all()
        await asyncio.gather(*following)
        assert [task.text for task in (*tasks, late)] == [TEXT, "twice upon a time", TEXT]
        assert {task.states[-1] for task in (*tasks, late)} == {"completed"}
        found = await there.get_task(words.GetTaskRequest(id=tasks[1].task_id))
        assert (state(found), result(found)) == ("completed", "twice upon a time")
