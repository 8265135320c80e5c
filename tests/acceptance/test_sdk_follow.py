"""`follow`: a run's events over cut connections and restarts, once and in order."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx
import pytest
from langgraph_sdk.client import LangGraphClient
from langgraph_sdk.errors import NotFoundError
from langgraph_sdk.schema import Run, StreamPart

from joinstream_sdk import FROM_THE_START, follow, following, get_client
from tests.support.cutting_proxy import CuttingProxy, cutting_proxy
from tests.support.postgres import PostgresForTests
from tests.support.redis import running_redis
from tests.support.server import Topology, running_topology
from tests.support.streaming import without_waiting
from tests.support.waiting import eventually

MODES = ["values", "updates", "custom"]


@pytest.fixture(scope="module")
async def topology(postgres: PostgresForTests) -> AsyncIterator[Topology]:
    """APIs and workers that these tests may restart."""
    uri = await postgres.fresh_database()
    with running_redis() as redis:
        async with running_topology(uri, redis) as running:
            yield running


@pytest.fixture
async def client(topology: Topology) -> AsyncIterator[LangGraphClient]:
    """A way to the server that nobody disturbs."""
    async with get_client(topology.apis[1].url) as direct:
        yield direct


@pytest.fixture
async def proxy(topology: Topology) -> AsyncIterator[CuttingProxy]:
    async with cutting_proxy(topology.apis[0].url) as cutting:
        yield cutting


@pytest.fixture
async def disturbed(
    proxy: CuttingProxy, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[LangGraphClient]:
    """A way to the server through the proxy; coming back is tried without much of a pause."""
    monkeypatch.setattr(following, "_FIRST_PAUSE_SECONDS", 0.005)
    monkeypatch.setattr(following, "_LONGEST_PAUSE_SECONDS", 0.02)
    async with get_client(proxy.url) as through_proxy:
        yield through_proxy


async def start_counting(client: LangGraphClient, *, steps: int = 40) -> Run:
    """A run on a new thread that takes so many supersteps, a hundredth of a second each."""
    thread = await client.threads.create()
    return await client.runs.create(
        thread["thread_id"],
        "counter",
        input={"steps": steps, "seconds": 0.01},
        stream_mode=["values", "updates"],
    )


async def all_events(client: LangGraphClient, run: Run) -> list[StreamPart]:
    """What an undisturbed reader is given of a run that is over."""
    joined = client.runs.join_stream(run["thread_id"], run["run_id"], last_event_id=FROM_THE_START)
    return [part async for part in joined]


class Follower:
    """Follows in a task of its own and keeps what it is given."""

    def __init__(self, parts: AsyncIterator[StreamPart]) -> None:
        self.parts: list[StreamPart] = []
        self._more = asyncio.Condition()
        self._task = asyncio.create_task(self._collect(parts))

    async def has(self, count: int) -> None:
        async with self._more:
            await self._more.wait_for(lambda: len(self.parts) >= count)

    async def to_the_end(self) -> list[StreamPart]:
        await self._task
        return self.parts

    async def _collect(self, parts: AsyncIterator[StreamPart]) -> None:
        async for part in parts:
            self.parts.append(part)
            async with self._more:
                self._more.notify_all()


def from_start(client: LangGraphClient, run: Run, **options: Any) -> Follower:
    return Follower(
        follow(client, run["thread_id"], run["run_id"], last_event_id=FROM_THE_START, **options)
    )


def ids(parts: Sequence[StreamPart]) -> list[str | None]:
    return [part.id for part in parts]


async def test_the_state_comes_first_and_then_every_later_event(client: LangGraphClient) -> None:
    thread_id = (await client.threads.create(graph_id="counter"))["thread_id"]
    await client.threads.update_state(thread_id, {"steps": 0, "count": 7}, as_node="step")
    run = await client.runs.create(thread_id, "counter", input={"steps": 20, "seconds": 0.01})

    first, *later = [part async for part in follow(client, thread_id, run["run_id"])]

    assert first.event == "values"
    assert first.id is None
    assert first.data["count"] >= 7
    assert ids(later) == ids(await all_events(client, run))[-len(later) :]
    assert later[-1].event == "end"
    assert later[-1].data["status"] == "success"
    assert later[-2].data["count"] == 27


async def test_a_run_that_is_over_gives_its_state_and_its_end(client: LangGraphClient) -> None:
    run = await start_counting(client, steps=2)
    await client.runs.join(run["thread_id"], run["run_id"])
    parts = [part async for part in follow(client, run["thread_id"], run["run_id"])]
    assert [part.event for part in parts] == ["values", "end"]
    assert parts[0].data["count"] == 2


async def test_cut_connections_cost_no_event_and_repeat_none(
    client: LangGraphClient, disturbed: LangGraphClient, proxy: CuttingProxy
) -> None:
    run = await start_counting(client)
    follower = from_start(disturbed, run)
    for count in range(1, 80, 3):
        await follower.has(count)
        proxy.cut()
    assert await follower.to_the_end() == await all_events(client, run)


async def test_it_comes_back_however_often_it_is_turned_away(
    client: LangGraphClient, disturbed: LangGraphClient, proxy: CuttingProxy
) -> None:
    run = await start_counting(client)
    follower = from_start(disturbed, run)
    await follower.has(5)
    proxy.close_the_door()
    await proxy.has_turned_away(8)
    proxy.open_the_door()
    assert await follower.to_the_end() == await all_events(client, run)


async def test_it_survives_a_restart_of_the_api(
    topology: Topology, client: LangGraphClient
) -> None:
    run = await start_counting(client)
    api = topology.apis[0]
    async with get_client(api.url) as through_it:
        follower = from_start(through_it, run)
        await follower.has(5)
        await api.stop()
        await api.start()
        assert await follower.to_the_end() == await all_events(client, run)


async def values_of(client: LangGraphClient, thread_id: str) -> Any:
    return (await client.threads.get_state(thread_id))["values"]


async def test_a_connection_lost_before_the_first_event_loses_nothing(
    client: LangGraphClient, disturbed: LangGraphClient, proxy: CuttingProxy
) -> None:
    thread = await client.threads.create()
    before = await client.runs.create(thread["thread_id"], "faulty", input={"verb": "hang"})
    await eventually(lambda: values_of(client, thread["thread_id"]))
    waiting = await client.runs.create(
        thread["thread_id"], "faulty", input={"verb": "ok"}, multitask_strategy="enqueue"
    )
    follower = Follower(follow(disturbed, thread["thread_id"], waiting["run_id"]))
    await follower.has(1)
    assert follower.parts[0].event == "values", "the thread's state, from the run before"
    proxy.close_the_door()
    await proxy.has_turned_away(1)
    await client.runs.cancel(thread["thread_id"], before["run_id"], wait=True)
    await client.runs.join(thread["thread_id"], waiting["run_id"])
    proxy.open_the_door()
    followed = without_waiting(await follower.to_the_end())
    assert followed[1:] == await all_events(client, waiting)


async def test_the_modes_asked_for_hold_after_a_cut(
    client: LangGraphClient, disturbed: LangGraphClient, proxy: CuttingProxy
) -> None:
    run = await start_counting(client)
    follower = from_start(disturbed, run, stream_mode="updates")
    for count in (3, 6):
        await follower.has(count)
        proxy.cut()
    parts = await follower.to_the_end()
    assert [part.event for part in parts] == ["metadata", *["updates"] * 40, "end"]


async def test_what_the_server_no_longer_has_is_announced_and_replaced_by_the_state(
    topology: Topology,
    client: LangGraphClient,
    disturbed: LangGraphClient,
    proxy: CuttingProxy,
) -> None:
    run = await start_counting(client)
    witness = from_start(client, run)
    follower = Follower(follow(disturbed, run["thread_id"], run["run_id"]))
    await follower.has(5)
    proxy.close_the_door()
    await proxy.has_turned_away(1)
    last = follower.parts[-1]
    await witness.has(len(witness.parts) + 5)
    await topology.redis.call("FLUSHALL")
    proxy.open_the_door()
    parts = await follower.to_the_end()
    events = [part.event for part in parts]
    gap = events.index("gap")
    assert parts[gap].data["from"] == last.id
    assert events[gap + 1] == "values"
    assert events.count("gap") == 1
    assert events[-1] == "end"
    assert [part.data["count"] for part in parts if part.event == "values"][-1] == 40


async def test_a_stateless_run_is_followed_from_its_start(client: LangGraphClient) -> None:
    run = await client.runs.create(
        None, "counter", input={"steps": 3}, stream_mode="updates", stream_resumable=True
    )
    parts = [part async for part in follow(client, None, run["run_id"])]
    assert [part.event for part in parts] == ["metadata", *["updates"] * 3, "end"]


async def test_patience_has_an_end(
    client: LangGraphClient, disturbed: LangGraphClient, proxy: CuttingProxy
) -> None:
    run = await start_counting(client, steps=5)
    parts = follow(disturbed, run["thread_id"], run["run_id"], patience=0.05)
    await anext(parts)
    proxy.close_the_door()
    with pytest.raises(httpx.TransportError):
        await Follower(parts).to_the_end()


async def test_a_run_that_does_not_exist_is_told_at_once(client: LangGraphClient) -> None:
    thread = await client.threads.create()
    with pytest.raises(NotFoundError):
        await anext(follow(client, thread["thread_id"], "01900000-0000-7000-8000-000000000000"))


async def test_a_server_that_was_never_there_is_told_at_once(
    disturbed: LangGraphClient, proxy: CuttingProxy
) -> None:
    proxy.close_the_door()
    with pytest.raises(httpx.TransportError):
        await anext(follow(disturbed, None, "01900000-0000-7000-8000-000000000000"))
