"""The queue stays cheap when it is long: what a statement touches is counted in 8 KiB pages.

Pages are counted instead of seconds, because they are the same on every machine.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import pytest

from joinstream.domain.caps import Caps
from joinstream.domain.ids import new_thread_id
from joinstream.ports.runs import Claimant
from joinstream.sql import load_queries
from joinstream.store import runs as runs_store
from joinstream.store.database import Database
from joinstream.store.pool import create_pool
from joinstream.store.runs import PostgresRuns
from tests.support.postgres import PostgresForTests

QUERIES = load_queries(Path(runs_store.__file__).parent / "queries" / "runs.sql")
PENDING = 100_000
A_THOUSAND_RUNS_PAGES = 2_500
CAPS = '{"assistant": 1, "user": 2}'
ENOUGH_PAGES = 400
"""A claim of ten runs touches some ten index paths; a scan of the table is over 5,000 pages."""


@pytest.fixture(scope="module")
async def pool(postgres: PostgresForTests) -> AsyncIterator[asyncpg.Pool]:
    """A queue with a backlog of one thread, and as many runs of threads of their own behind it."""
    uri = await postgres.fresh_database()
    pool = await create_pool(uri)
    await pool.execute(
        "insert into threads (thread_id, status, active_run) values ($1, 'busy', $1)",
        busy := new_thread_id(),
    )
    await pool.execute(
        """
        insert into runs (run_id, thread_id, temporary, assistant_id, graph_id, blocked,
                          kwargs, run_after)
        select gen_random_uuid(), case when n % 2 = 0 then $1 else gen_random_uuid() end,
               n % 2 = 1, gen_random_uuid(), 'echo', n % 2 = 0, '{}',
               now() - interval '1 day' + n * interval '1 ms'
        from generate_series(1, $2::int) as n
        """,
        busy,
        PENDING,
    )
    await pool.execute(
        """
        insert into runs (run_id, thread_id, temporary, assistant_id, graph_id, status, kwargs,
                          ended_at)
        select gen_random_uuid(), gen_random_uuid(), false, gen_random_uuid(), 'echo',
               'success', '{}', now()
        from generate_series(1, $1::int)
        """,
        PENDING,
    )
    await pool.execute("analyze")
    yield pool
    await pool.close()


async def pages_of_position(pool: asyncpg.Pool, run: str) -> int:
    run_id = await pool.fetchval(f"select run_id from runs where status = 'pending' and {run}")
    query = QUERIES["queue_position"]
    return await pages_touched(pool, query, run_id, 1000)


async def pages_touched(pool: asyncpg.Pool, query: str, *arguments: Any) -> int:
    """Pages read by a statement and the functions it calls; its effects are undone."""
    async with pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        try:
            for _ in range(2):  # the first call of a session also reads the catalogue
                plan = await connection.fetchval(
                    f"explain (analyze, buffers, format json) {query}", *arguments
                )
        finally:
            await transaction.rollback()
    (top,) = orjson.loads(orjson.dumps(plan))
    return int(top["Plan"]["Shared Hit Blocks"] + top["Plan"]["Shared Read Blocks"])


@pytest.mark.parametrize(
    "query",
    [
        "select * from claim_runs_v2('worker', 10, 30, '{echo}')",
        f"select * from claim_capped_runs_v1('worker', 10, 30, '{{echo}}', '{CAPS}', '[]')",
        f"select open_held_lanes_v1('{CAPS}')",
        "select * from runs where set_aside_at is not null order by set_aside_at desc limit 10",
        "select * from take_over_runs_v1('worker', 10, 30, '{echo}', true)",
        f"select * from runs where thread_id = '{UUID(int=0)}' order by created_at desc limit 10",
        "select cancel_run_v1(gen_random_uuid(), 'interrupt', 'test')",
        "select queue_refuses_v1(1, 'ann', null, 100, 10)",
    ],
)
async def test_a_long_queue_is_never_scanned(pool: asyncpg.Pool, query: str) -> None:
    assert await pages_touched(pool, query) < ENOUGH_PAGES


async def test_a_backlog_of_one_thread_is_passed_over_by_the_index(pool: asyncpg.Pool) -> None:
    claimed = await pool.fetch(
        "select thread_id, temporary from claim_runs_v2('worker', 10, 30, '{echo}')"
    )
    assert len(claimed) == 10
    assert all(row["temporary"] for row in claimed)


@pytest.mark.parametrize(
    "run",
    [
        "blocked order by run_after desc limit 1",
        "blocked order by run_after limit 1",
        "not blocked order by run_after desc limit 1",
        "not blocked order by run_after limit 1",
    ],
)
async def test_where_a_run_stands_is_counted_no_further_than_it_is_told(
    pool: asyncpg.Pool, run: str
) -> None:
    assert await pages_of_position(pool, run) < A_THOUSAND_RUNS_PAGES


BUSY = UUID(int=0xB)
MODEST = UUID(int=0xC)
ALICE = Claimant("alice", 30, ("echo",), Caps(per_assistant=1, per_user=2))


@pytest.fixture
async def capped(postgres: PostgresForTests) -> AsyncIterator[asyncpg.Pool]:
    """As many runs of one capped assistant as there can be, nobody having looked at them yet; one
    more of it executes, and behind them all waits one of another, of a lower priority."""
    pool = await create_pool(await postgres.fresh_database())
    await pool.execute(
        """
        insert into runs (run_id, thread_id, temporary, assistant_id, graph_id, user_id,
                          kwargs, run_after)
        select gen_random_uuid(), gen_random_uuid(), true, $1, 'echo', (n % 1000)::text, '{}',
               now() - interval '1 day' + n * interval '1 ms'
        from generate_series(1, $2::int) as n
        """,
        BUSY,
        PENDING,
    )
    await pool.execute(
        """
        insert into runs (run_id, thread_id, temporary, assistant_id, graph_id, status, epoch,
                          priority, user_id, kwargs, lease_until)
        values ($1, $1, true, $1, 'echo', 'running', 1, 0, 'somebody', '{}', 'infinity'),
               ($2, $2, true, $2, 'echo', 'pending', 0, -1, 'modest', '{}', null)
        """,
        BUSY,
        MODEST,
    )
    await pool.execute("analyze")
    yield pool
    await pool.close()


CLAIM = f"select * from claim_capped_runs_v1('worker', 10, 30, '{{echo}}', '{CAPS}', $1::jsonb)"
A_LOOK_PAGES = 30_000
"""A claim looks at 500 runs, and what it holds is written to every index of the table."""


async def test_a_backlog_of_a_capped_assistant_hides_nobody_and_costs_nobody(
    capped: asyncpg.Pool,
) -> None:
    runs = PostgresRuns(Database(capped))
    first_look = await pages_touched(capped, CLAIM, [])
    assert first_look < A_LOOK_PAGES
    claimed = await runs.claim(ALICE, 10)
    assert [run.assistant_id for run in claimed] == [MODEST]

    held = await capped.fetchval("select count(*) from runs where held_by is not null")
    assert held == PENDING
    await capped.execute("vacuum analyze runs")
    assert await pages_touched(capped, CLAIM, []) < ENOUGH_PAGES
    for run in (
        "held_by is not null order by run_after limit 1",
        "true order by run_after desc limit 1",
    ):
        assert await pages_of_position(capped, run) < A_THOUSAND_RUNS_PAGES
    await capped.execute("update runs set status = 'success' where status = 'running'")
    ended = [{"assistant_id": str(BUSY), "user_id": "somebody", "concurrency_key": None}]
    assert await pages_touched(capped, CLAIM, ended) < ENOUGH_PAGES
    assert await pages_touched(capped, f"select open_held_lanes_v1('{CAPS}')") < ENOUGH_PAGES
