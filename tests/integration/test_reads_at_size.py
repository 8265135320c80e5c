"""Reads stay cheap with many threads and long histories: what a request touches is counted in
8 KiB pages, since those are the same on every machine.

Each request is sent often enough for Postgres to have settled on a plan that serves any argument.
"""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from joinstream.store.thread_sweeps import PostgresThreadSweeps
from tests.support.api import TENANTS, Api, running_api
from tests.support.pages import counted_pages
from tests.support.postgres import PostgresForTests

THREADS = 100_000
CHECKPOINTS = 1_000
REPETITIONS = 8
A_PAGE_IN_ORDER = 300
"""A scan of the table is over 14,000 pages. Half of these are for the total, which is counted up
to a thousand."""
A_PAGE_OF_MATCHES = 5_000
"""Matches may lie anywhere: a walk along the order would touch 100,000."""
ONE_THREAD = 30
ONE_STATE = 50
A_PAGE_OF_HISTORY = 300
"""Ten checkpoints of over a thousand, with what was written at each."""
A_SWEEP = 100

FILL = """
insert into threads (thread_id, status, metadata, "values", created_at, updated_at,
                     state_updated_at, ttl_strategy, ttl_minutes)
select gen_random_uuid(), case when n % 500 = 0 then 'interrupted' else 'idle' end,
       jsonb_build_object('graph_id', 'counter', 'owner', 'user ' || n % 20000,
                          'closed', n * 7919 % $1 > $1 * 0.98),
       jsonb_build_object('text', repeat(md5(n::text), 30)),
       now() - used.ago, now() - used.ago, now() - used.ago, 'delete', $1 * 2
from generate_series(1, $1::int) as n,
     lateral (select (n * 7919 % $1) * interval '1 min' as ago) as used
"""


@pytest.fixture(scope="module")
async def many_threads(postgres: PostgresForTests) -> AsyncIterator[str]:
    """A database of threads, used in another order than that in which they lie on disk."""
    uri = await postgres.fresh_database()
    connection = await asyncpg.connect(uri)
    await connection.execute(FILL, THREADS)
    await connection.execute("vacuum analyze threads")
    await connection.close()
    yield uri
    await postgres.drop_database(uri)


@pytest.fixture(scope="module")
async def api(many_threads: str) -> AsyncIterator[Api]:
    async with running_api(many_threads, langgraph_postgres_pool_max_size=1) as api:
        yield api


@pytest.fixture(scope="module")
async def tenants(many_threads: str) -> AsyncIterator[Api]:
    """The same threads, each for its owner only."""
    async with running_api(many_threads, config=TENANTS, langgraph_postgres_pool_max_size=1) as api:
        api.http.headers["authorization"] = "Bearer key of user 77"
        yield api


@pytest.fixture(scope="module")
async def long_thread(api: Api) -> str:
    """A thread with a long history, and a like one beside it."""
    for _ in range(2):
        thread = await api.client.threads.create(graph_id="counter")
        await api.execute("counter", thread["thread_id"], {"steps": CHECKPOINTS})
    await api.backends.pool.execute("vacuum analyze")
    return thread["thread_id"]


async def pages_of(api: Api, method: str, path: str, body: Any = None) -> int:
    """Pages that a request touches once Postgres has settled on a plan.

    The least of some: other sessions of the database may report late what they have read.
    """
    touched = []
    for _ in range(2 * REPETITIONS):
        async with counted_pages(api.backends.pool) as pages:
            answer = await api.http.request(method, path, json=body)
        assert answer.status_code == 200
        assert answer.json()
        touched.append(pages.touched)
    return min(touched[REPETITIONS:])


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize(
    "field", ["created_at", "updated_at", "state_updated_at", "status", "thread_id"]
)
async def test_a_page_of_all_threads_is_read_in_order(api: Api, field: str, order: str) -> None:
    body = {"sort_by": field, "sort_order": order}
    assert await pages_of(api, "POST", "/threads/search", body) < A_PAGE_IN_ORDER


@pytest.mark.parametrize("status", ["idle", "interrupted"])
async def test_a_page_of_one_status_is_read_in_order(api: Api, status: str) -> None:
    assert await pages_of(api, "POST", "/threads/search", {"status": status}) < A_PAGE_IN_ORDER


@pytest.mark.parametrize(
    "wanted",
    [
        {"metadata": {"graph_id": "counter"}},
        {"metadata": {"owner": "user 77"}},
        {"metadata": {"owner": "user 77"}, "limit": 2, "offset": 2},
        {"metadata": {"closed": True}},
        {"metadata": {"graph_id": "counter"}, "status": "interrupted"},
        {"status": "interrupted", "sort_by": "created_at"},
    ],
    ids=str,
)
async def test_matches_are_found_wherever_they_lie(api: Api, wanted: dict[str, Any]) -> None:
    assert await pages_of(api, "POST", "/threads/search", wanted) < A_PAGE_OF_MATCHES


@pytest.mark.parametrize(
    "wanted", [{}, {"status": "idle"}, {"metadata": {"closed": False}}], ids=str
)
async def test_a_tenant_finds_a_few_threads_among_those_of_all(
    tenants: Api, wanted: dict[str, Any]
) -> None:
    assert await pages_of(tenants, "POST", "/threads/search", wanted) < A_PAGE_OF_MATCHES


async def test_a_tenants_threads_are_counted_without_a_look_at_others(tenants: Api) -> None:
    assert await pages_of(tenants, "POST", "/threads/count", {}) < ONE_STATE


async def test_a_tenants_thread_and_its_runs_are_read_by_themselves(tenants: Api) -> None:
    thread = (await tenants.client.threads.search(limit=1))[0]["thread_id"]
    run = await tenants.client.runs.create(thread, "echo", input={"text": "hi"}, after_seconds=60)
    assert await pages_of(tenants, "GET", f"/threads/{thread}") < ONE_THREAD
    path = f"/threads/{thread}/runs/{run['run_id']}"
    assert await pages_of(tenants, "GET", path) < ONE_THREAD


async def test_threads_are_found_by_their_ids_without_a_look_at_others(api: Api) -> None:
    found = await api.client.threads.search(limit=20, select=["thread_id"])
    ids = [thread["thread_id"] for thread in found]
    assert await pages_of(api, "POST", "/threads/search", {"ids": ids}) < A_PAGE_IN_ORDER


async def test_one_thread_is_read_by_itself(api: Api, long_thread: str) -> None:
    assert await pages_of(api, "GET", f"/threads/{long_thread}") < ONE_THREAD


async def test_a_state_costs_the_same_after_a_long_history(api: Api, long_thread: str) -> None:
    assert await pages_of(api, "GET", f"/threads/{long_thread}/state") < ONE_STATE


async def test_an_old_state_costs_no_more_than_the_latest(api: Api, long_thread: str) -> None:
    history = await api.client.threads.get_history(long_thread, limit=900)
    old = history[-1]["checkpoint"]["checkpoint_id"]
    assert await pages_of(api, "GET", f"/threads/{long_thread}/state/{old}") < ONE_STATE


async def test_a_page_of_a_long_history_reads_that_page(api: Api, long_thread: str) -> None:
    history = await api.client.threads.get_history(long_thread, limit=500)
    body = {"limit": 10, "before": history[-1]["checkpoint"]}
    path = f"/threads/{long_thread}/history"
    assert await pages_of(api, "POST", path, body) < A_PAGE_OF_HISTORY


async def test_a_sweep_looks_at_no_thread_whose_time_is_not_over(api: Api) -> None:
    sweeps = PostgresThreadSweeps(api.backends.pool, api.backends.checkpoints.saver_on)
    async with counted_pages(api.backends.pool) as pages:
        assert await sweeps.end_expired(10) == 0
    assert pages.touched < A_SWEEP


async def test_a_sweep_looks_at_no_thread_that_was_not_used_since_the_last_one(api: Api) -> None:
    sweeps = PostgresThreadSweeps(api.backends.pool, api.backends.checkpoints.saver_on)
    await sweeps.thin_out(keep=10_000, limit=10)
    async with counted_pages(api.backends.pool) as pages:
        await sweeps.thin_out(keep=10_000, limit=10)
    assert pages.touched < A_SWEEP
