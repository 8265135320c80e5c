"""The lease keeper against a real queue: renewals, cancels, losses, and Postgres going away."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from joinstream.domain.ids import RunId, new_thread_id
from joinstream.domain.run_record import Run
from joinstream.ports.runs import CancelRequest, LeaseStore
from joinstream.store.database import Database
from joinstream.store.pool import create_pool
from joinstream.store.runs import PostgresRuns
from joinstream.worker.lease_keeper import LeaseKeeper
from tests.support.queue import ALICE, BOB, expire_leases, new_run
from tests.support.waiting import eventually


@pytest.fixture
async def pool(database_uri: str) -> AsyncIterator[asyncpg.Pool]:
    pool = await create_pool(database_uri)
    yield pool
    await pool.close()


class Keeping:
    """A keeper, and what it has told."""

    def __init__(self, uri: str, *, lease_seconds: float = 30, renew_seconds: float = 0.05) -> None:
        self._uri = uri
        self.reachable = True
        self.cancels: asyncio.Queue[tuple[RunId, CancelRequest]] = asyncio.Queue()
        self.losses: asyncio.Queue[tuple[RunId, int]] = asyncio.Queue()
        loop = asyncio.get_running_loop()

        def told(queue: asyncio.Queue[Any]) -> Callable[..., None]:
            def call(*what: Any) -> None:
                loop.call_soon_threadsafe(queue.put_nowait, what)

            return call

        self.keeper = LeaseKeeper(
            self._open, lease_seconds, renew_seconds, told(self.cancels), told(self.losses)
        )

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[LeaseStore]:
        if not self.reachable:
            raise OSError("no route")
        connection = await asyncpg.connect(self._uri)
        try:
            yield PostgresRuns(Database(connection))
        finally:
            connection.terminate()


@pytest.fixture
async def keeping(database_uri: str) -> AsyncIterator[Keeping]:
    keeping = Keeping(database_uri)
    keeping.keeper.start()
    yield keeping
    await asyncio.to_thread(keeping.keeper.stop)


async def claimed_run(pool: asyncpg.Pool) -> Run:
    run = (await PostgresRuns(Database(pool)).create(new_run(new_thread_id()), ALICE)).run
    assert run is not None
    return run


async def test_a_kept_lease_is_renewed_even_while_the_loop_is_blocked(
    pool: asyncpg.Pool, keeping: Keeping
) -> None:
    run = await claimed_run(pool)
    await pool.execute("update runs set lease_until = now() + interval '1 s'")
    keeping.keeper.keep(run)
    time.sleep(1.2)  # noqa: ASYNC251 -- a graph that blocks the worker's loop
    assert await PostgresRuns(Database(pool)).take_over(BOB, 5) == []


async def test_a_cancel_request_is_learnt_with_a_renewal(
    pool: asyncpg.Pool, keeping: Keeping
) -> None:
    run = await claimed_run(pool)
    keeping.keeper.keep(run)
    await PostgresRuns(Database(pool)).cancel(run.run_id, "rollback", "never mind")
    run_id, request = await keeping.cancels.get()
    assert (run_id, request) == (run.run_id, CancelRequest("rollback", "never mind"))


async def test_a_run_that_was_taken_over_is_reported_lost(
    pool: asyncpg.Pool, keeping: Keeping
) -> None:
    run = await claimed_run(pool)
    await expire_leases(pool)
    await PostgresRuns(Database(pool)).take_over(BOB, 5)
    keeping.keeper.keep(run)
    assert await keeping.losses.get() == (run.run_id, run.epoch)


async def test_a_dropped_lease_is_renewed_no_more(pool: asyncpg.Pool, keeping: Keeping) -> None:
    kept, dropped = await claimed_run(pool), await claimed_run(pool)
    keeping.keeper.keep(kept)
    keeping.keeper.keep(dropped)
    keeping.keeper.drop(dropped)
    await expire_leases(pool)

    async def kept_was_renewed() -> bool:
        return bool(
            await pool.fetchval(
                "select lease_until > now() from runs where run_id = $1", kept.run_id
            )
        )

    await eventually(kept_was_renewed)
    expired = await PostgresRuns(Database(pool)).take_over(BOB, 5)
    assert [run.run_id for run in expired] == [dropped.run_id]


async def test_while_postgres_is_away_runs_are_given_up_before_their_lease_expires(
    pool: asyncpg.Pool, database_uri: str
) -> None:
    keeping = Keeping(database_uri, lease_seconds=2)
    keeping.reachable = False
    run = await claimed_run(pool)
    keeping.keeper.keep(run)
    keeping.keeper.start()
    assert await keeping.losses.get() == (run.run_id, run.epoch)
    await asyncio.to_thread(keeping.keeper.stop)
