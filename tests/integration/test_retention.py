"""What is kept for how long: times to live, their defaults, and sweeps."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
from langgraph.types import Command

from joinstream.settings import ThreadTtlConfig
from joinstream.store.log_retention import PostgresLogRetention
from joinstream.store.thread_sweeps import PostgresThreadSweeps
from joinstream.worker.maintenance import ThreadRetention, sweep_threads_forever
from tests.support.api import TEST_GRAPHS, Api, running_api
from tests.support.waiting import eventually

TTL_OF_NEW_THREADS = ThreadTtlConfig(strategy="keep_latest", default_ttl=30)
KEEP_LATEST: Any = {"ttl": 1, "strategy": "keep_latest"}


@pytest.fixture
async def api_with_default(database_uri: str) -> AsyncIterator[Api]:
    """An application whose new threads get a time to live."""
    async with running_api(database_uri, langgraph_thread_ttl=TTL_OF_NEW_THREADS) as running:
        yield running


def sweeps(api: Api) -> PostgresThreadSweeps:
    return PostgresThreadSweeps(api.backends.pool, api.backends.checkpoints.saver_on)


async def make_thread(api: Api, graph_id: str = "counter", ttl: Any = None) -> str:
    return (await api.client.threads.create(graph_id=graph_id, ttl=ttl))["thread_id"]


async def count_to(api: Api, thread_id: str, count: int) -> None:
    for _ in range(count):
        update = {"count": 1, "steps": 0}
        await api.client.threads.update_state(thread_id, update, as_node="step")


async def let_time_pass(api: Api) -> None:
    """Let all threads have been used, and pruned, two minutes earlier than they were."""
    await api.backends.pool.execute(
        "update threads set updated_at = updated_at - interval '2 minutes',"
        " pruned_at = pruned_at - interval '2 minutes'"
    )


async def counts_in_history(api: Api, thread_id: str) -> list[int]:
    history: list[Any] = await api.client.threads.get_history(thread_id, limit=100)
    return [state["values"]["count"] for state in history]


async def ttl_of(api: Api, thread_id: str) -> tuple[str, float] | None:
    shown: Any = await api.client.threads.get(thread_id, include=["ttl"])
    return (shown["ttl"]["strategy"], shown["ttl"]["ttl"]) if shown["ttl"] else None


async def thread_ids(api: Api) -> set[str]:
    return {thread["thread_id"] for thread in await api.client.threads.search(limit=100)}


async def test_threads_past_their_time_to_live_are_swept(api: Api) -> None:
    short, long, forever, busy = [await make_thread(api, ttl=ttl) for ttl in (1, 5, None, 1)]
    await api.client.runs.create(busy, "echo", input={"text": "x"})
    await let_time_pass(api)
    assert await sweeps(api).end_expired(10) == 1
    assert short not in await thread_ids(api)
    assert await thread_ids(api) == {long, forever, busy}


async def test_a_sweep_ends_no_more_threads_than_it_may_and_the_oldest_first(api: Api) -> None:
    *_, third = [await make_thread(api, ttl=1) for _ in range(3)]
    await let_time_pass(api)
    assert await sweeps(api).end_expired(2) == 2
    assert await thread_ids(api) == {third}


async def test_a_deleted_thread_takes_its_runs_and_checkpoints_along(api: Api) -> None:
    thread_id = await make_thread(api, ttl=1)
    await count_to(api, thread_id, 2)
    await let_time_pass(api)
    await sweeps(api).end_expired(10)
    for table in ("threads", "runs", "checkpoints", "checkpoint_writes", "checkpoint_parts"):
        assert await api.backends.pool.fetchval(f"select count(*) from {table}") == 0


async def test_a_thread_that_keeps_its_latest_is_swept_once_until_used_again(api: Api) -> None:
    thread_id = await make_thread(api, ttl=KEEP_LATEST)
    for last in (3, 6):
        await count_to(api, thread_id, 3)
        await let_time_pass(api)
        assert await sweeps(api).end_expired(10) == 1
        assert await sweeps(api).end_expired(10) == 0
        assert await counts_in_history(api, thread_id) == [last]


async def test_new_threads_get_the_default_unless_they_bring_their_own(
    api_with_default: Api,
) -> None:
    api = api_with_default
    assert await ttl_of(api, await make_thread(api)) == ("keep_latest", 30)
    assert await ttl_of(api, await make_thread(api, ttl=7)) == ("delete", 7)


async def test_a_thread_made_for_a_run_gets_the_default_too(api_with_default: Api) -> None:
    api = api_with_default
    thread_id = "6a0cf3f7-9d44-4a7c-a1f8-4f2f4f0f52a1"
    await api.client.runs.create(thread_id, "echo", input={}, if_not_exists="create")
    assert await ttl_of(api, thread_id) == ("keep_latest", 30)


async def test_without_a_default_threads_live_forever(api: Api) -> None:
    assert await ttl_of(api, await make_thread(api)) is None


async def test_the_newest_checkpoints_are_left_when_threads_are_thinned_out(api: Api) -> None:
    much, little = [await make_thread(api) for _ in range(2)]
    await count_to(api, much, 7)
    await count_to(api, little, 3)
    assert await sweeps(api).thin_out(keep=3, limit=10) == 1
    assert await counts_in_history(api, much) == [7, 6, 5]
    assert await counts_in_history(api, little) == [3, 2, 1]
    await count_to(api, much, 1)
    assert await counts_in_history(api, much) == [8, 7, 6, 5]


async def test_a_thread_is_thinned_out_again_once_it_was_used_again(api: Api) -> None:
    thread_id = await make_thread(api)
    sweep = sweeps(api)
    for last in (4, 8):
        await count_to(api, thread_id, 4)
        assert await sweep.thin_out(keep=2, limit=10) == 1
        assert await counts_in_history(api, thread_id) == [last, last - 1]
        assert await sweep.thin_out(keep=2, limit=10) == 0


async def test_thinning_out_goes_on_where_its_limit_stopped_it(api: Api) -> None:
    threads = [await make_thread(api) for _ in range(3)]
    for thread_id in threads:
        await count_to(api, thread_id, 3)
    sweep = sweeps(api)
    assert [await sweep.thin_out(keep=1, limit=2) for _ in range(3)] == [2, 1, 0]
    assert [await counts_in_history(api, thread_id) for thread_id in threads] == [[3]] * 3


async def test_a_busy_thread_is_not_thinned_out(api: Api) -> None:
    thread_id = await make_thread(api)
    await count_to(api, thread_id, 3)
    await api.client.runs.create(thread_id, "counter", input={"steps": 1})
    assert await sweeps(api).thin_out(keep=1, limit=10) == 0
    assert len(await counts_in_history(api, thread_id)) == 3


async def test_thinning_out_keeps_what_the_kept_checkpoints_are_made_of(api: Api) -> None:
    thread_id = await make_thread(api, "chat")
    for turn in range(4):
        await api.execute("chat", thread_id, {"messages": [{"role": "user", "content": f"{turn}"}]})
    before = await api.client.threads.get_history(thread_id, limit=5)
    await sweeps(api).thin_out(keep=5, limit=10)
    after = await api.client.threads.get_history(thread_id, limit=100)
    before[-1]["parent_checkpoint"] = before[-1]["parent_checkpoint_id"] = None  # type: ignore[typeddict-unknown-key]  # the SDK does not know the deprecated field
    assert after == before
    await api.execute("chat", thread_id, {"messages": [{"role": "user", "content": "more"}]})
    state: Any = await api.client.threads.get_state(thread_id)
    assert len(state["values"]["messages"]) == 10


async def test_a_paused_subgraph_outlives_thinning_out(database_uri: str) -> None:
    async with running_api(database_uri, config=TEST_GRAPHS) as api:
        thinned = await make_thread(api, "asking_inside")
        turns: list[Any] = [{}, Command(resume="first"), {}]
        for given in turns:
            await api.execute("asking_inside", thinned, given)
        copy: Any = await api.client.threads.copy(thinned)  # type: ignore[func-returns-value]  # it does
        await api.backends.pool.execute(
            "update threads set updated_at = '1960-01-01' where thread_id = $1", copy["thread_id"]
        )
        assert await sweeps(api).thin_out(keep=1, limit=10) == 1
        assert len(await api.client.threads.get_history(thinned, limit=100)) == 1
        ends: list[Any] = []
        for thread_id in (thinned, copy["thread_id"]):
            state: Any = await api.client.threads.get_state(thread_id, subgraphs=True)
            assert state["tasks"][0]["state"]["tasks"][0]["state"]["next"] == ["ask"]
            await api.execute("asking_inside", thread_id, Command(resume="second"))
            ends.append(await api.client.threads.get_state(thread_id))
        assert ends[0]["values"] == ends[1]["values"]
        assert "second" in ends[0]["values"]["answers"]


async def test_a_worker_sweeps_on_the_clock(api: Api) -> None:
    expired, kept = await make_thread(api, ttl=1), await make_thread(api)
    await count_to(api, kept, 3)
    await let_time_pass(api)
    retention = ThreadRetention(period_seconds=0.01, most_threads=10, keep_checkpoints=1)
    sweeping = asyncio.create_task(sweep_threads_forever(sweeps(api), retention))

    async def swept() -> bool:
        gone = expired not in await thread_ids(api)
        return gone and await counts_in_history(api, kept) == [3]

    await eventually(swept)
    later = await make_thread(api, ttl=1)
    await let_time_pass(api)

    async def swept_again() -> bool:
        return later not in await thread_ids(api)

    await eventually(swept_again)
    sweeping.cancel()
    with suppress(asyncio.CancelledError):
        await sweeping


# --- logs ---------------------------------------------------------------------------------------


async def ended_run(api: Api, **options: Any) -> str:
    """A run that was cancelled before it began."""
    thread = await api.client.threads.create()
    run = await api.client.runs.create(thread["thread_id"], "echo", after_seconds=3600, **options)
    await api.client.runs.cancel(thread["thread_id"], run["run_id"])
    return run["run_id"]


async def test_old_runs_go_and_their_threads_stay(api: Api) -> None:
    old, new = await ended_run(api), await ended_run(api)
    waiting = await api.client.threads.create()
    pending = await api.client.runs.create(waiting["thread_id"], "echo", after_seconds=3600)
    await api.backends.pool.execute(
        "update runs set ended_at = now() - interval '1 hour' where run_id = $1", old
    )
    logs = PostgresLogRetention(api.backends.database)
    assert await logs.count_due("runs", 1800) == 1
    assert await logs.remove("runs", 1800, 10) == 1
    left = await api.backends.pool.fetch("select run_id from runs")
    assert {str(row["run_id"]) for row in left} == {new, pending["run_id"]}
    assert len(await thread_ids(api)) == 3


async def test_a_webhook_that_is_still_to_be_delivered_stays(api: Api) -> None:
    for _ in range(3):
        await ended_run(api, webhook="https://example.com/")
    ids = await api.backends.pool.fetch("select delivery_id from webhook_deliveries")
    await api.backends.pool.execute(
        "update webhook_deliveries set created_at = now() - interval '1 hour'"
    )
    await api.backends.pool.execute(
        "update webhook_deliveries set status = 'delivered' where delivery_id = any($1)",
        [row["delivery_id"] for row in ids[:2]],
    )
    logs = PostgresLogRetention(api.backends.database)
    assert await logs.remove("deliveries", 1800, 1) == 1
    assert await logs.remove("deliveries", 1800, 10) == 1
    assert await api.backends.pool.fetchval("select status from webhook_deliveries") == "pending"


async def test_old_firings_go(api: Api) -> None:
    cron: Any = await api.client.crons.create("echo", schedule="@daily")
    await api.backends.pool.execute(
        "insert into cron_firings (cron_id, slot, fired_at, outcome)"
        " select $1, t, t, 'skipped' from unnest(array[now(), now() - interval '1 hour']) t",
        cron["cron_id"],
    )
    logs = PostgresLogRetention(api.backends.database)
    assert await logs.remove("firings", 1800, 10) == 1
    assert await api.backends.pool.fetchval("select count(*) from cron_firings") == 1


async def test_a_worker_sweeps_the_logs(database_uri: str) -> None:
    async with running_api(database_uri) as api:
        old = await ended_run(api)
        await api.backends.pool.execute("update runs set ended_at = now() - interval '2 days'")
    async with running_api(database_uri, worker=True, run_retention_days=1.0) as api:

        async def gone() -> bool:
            count: int = await api.backends.pool.fetchval(
                "select count(*) from runs where run_id = $1", old
            )
            return count == 0

        await eventually(gone)
