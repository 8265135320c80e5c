"""Where a pending run stands, asked of a real Postgres."""

from collections.abc import AsyncIterator
from dataclasses import replace

import asyncpg
import pytest

from joinstream.domain.caps import Caps
from joinstream.domain.ids import RunId, new_thread_id
from joinstream.domain.queue_position import QueuePosition
from joinstream.domain.run_record import NewRun
from joinstream.store.database import Database
from joinstream.store.pool import create_pool
from joinstream.store.runs import PostgresRuns
from tests.support.queue import ALICE, new_run


@pytest.fixture
async def pool(database_uri: str) -> AsyncIterator[asyncpg.Pool]:
    pool = await create_pool(database_uri)
    yield pool
    await pool.close()


@pytest.fixture
def runs(pool: asyncpg.Pool) -> PostgresRuns:
    return PostgresRuns(Database(pool))


async def positions(runs: PostgresRuns, created: list[NewRun]) -> list[tuple[str, int | None]]:
    found = [await runs.queue_position(new.run_id) for new in created]
    return [(position.waits_for, position.ahead) for position in found if position is not None]


async def create(runs: PostgresRuns, *created: NewRun) -> list[NewRun]:
    for new in created:
        await runs.create(new, None)
    return list(created)


async def test_behind_runs_of_its_thread_it_counts_the_executing_one_and_those_before_it(
    runs: PostgresRuns,
) -> None:
    thread_id = new_thread_id()
    created = await create(runs, *(new_run(thread_id) for _ in range(4)))
    await create(runs, new_run(thread_id, delay_seconds=3600), new_run())
    assert await positions(runs, created) == [("worker", 0), *(("thread", n) for n in (1, 2, 3))]
    await runs.claim(ALICE, 1)
    assert await positions(runs, created) == [("thread", n) for n in (1, 2, 3)]
    await runs.cancel(created[1].run_id, "interrupt", "test")
    assert await positions(runs, created) == [("thread", n) for n in (1, 2)]


async def test_in_the_queue_it_counts_what_is_due_before_it_by_priority_and_age(
    runs: PostgresRuns,
) -> None:
    first, low, high, last = await create(
        runs, new_run(), new_run(priority=-1), new_run(priority=5), new_run()
    )
    await create(runs, new_run(priority=9, delay_seconds=3600))
    assert await positions(runs, [high, first, last, low]) == [
        ("worker", number) for number in range(4)
    ]


async def test_under_a_cap_it_counts_what_waits_for_the_same_before_it(
    runs: PostgresRuns,
) -> None:
    capped = replace(ALICE, caps=Caps(per_key=1))
    _, low, high = await create(
        runs, *(new_run(concurrency_key="k", priority=priority) for priority in (9, 0, 1))
    )
    await create(runs, new_run(concurrency_key="other", priority=9))
    assert len(await runs.claim(capped, 10)) == 2
    assert await positions(runs, [high, low]) == [("cap", 0), ("cap", 1)]


async def test_a_delayed_run_waits_for_its_time(runs: PostgresRuns, pool: asyncpg.Pool) -> None:
    (new,) = await create(runs, new_run(delay_seconds=3600))
    due_at = await pool.fetchval("select run_after from runs")
    assert await runs.queue_position(new.run_id) == QueuePosition("time", None, due_at)


async def test_what_is_not_pending_stands_nowhere(runs: PostgresRuns) -> None:
    (new,) = await create(runs, new_run())
    await runs.claim(ALICE, 1)
    assert await runs.queue_position(new.run_id) is None
    assert await runs.queue_position(RunId(new_thread_id())) is None


async def test_nobody_counts_further_than_a_thousand(
    runs: PostgresRuns, pool: asyncpg.Pool
) -> None:
    (new,) = await create(runs, new_run())
    await pool.execute(
        """
        insert into runs (run_id, thread_id, temporary, assistant_id, graph_id, kwargs, priority)
        select gen_random_uuid(), gen_random_uuid(), true, gen_random_uuid(), 'echo', '{}', n % 2
        from generate_series(1, 2500) n
        """
    )
    await pool.execute("update runs set run_after = now() where run_id = $1", new.run_id)
    assert await positions(runs, [new]) == [("worker", 1000)]
