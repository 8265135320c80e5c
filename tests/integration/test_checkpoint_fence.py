"""An attempt that is over changes nothing, and a rolled back one leaves nothing."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from langgraph.checkpoint.serde.types import RESUME

from joinstream.checkpoint import Fence, PostgresCheckpoints, PostgresSaver
from joinstream.errors import LeaseLost
from tests.support.checkpoints import (
    CLAIM,
    LONG,
    TASK,
    checkpoint_database,
    claimed_run,
    contents,
    empty,
    put,
    thread_config,
)
from tests.support.postgres import PostgresForTests
from tests.support.waiting import eventually


@pytest.fixture(scope="module")
async def shared_pool(postgres: PostgresForTests) -> AsyncIterator[asyncpg.Pool]:
    async with checkpoint_database(postgres) as pool:
        yield pool


@pytest.fixture
async def pool(shared_pool: asyncpg.Pool) -> asyncpg.Pool:
    """Empty checkpoint tables."""
    await empty(shared_pool)
    return shared_pool


Act = Callable[[PostgresSaver, Any], Awaitable[Any]]
WRITES: dict[str, Act] = {
    "a checkpoint": lambda saver, config: put(saver, config, {"x": LONG}),
    "writes": lambda saver, config: saver.aput_writes(config, [("x", LONG)], TASK),
    "deleting the thread": lambda saver, config: saver.adelete_thread(
        config["configurable"]["thread_id"]
    ),
    "deleting a run": lambda saver, config: saver.adelete_for_runs(["the-run"]),
    "pruning": lambda saver, config: saver.aprune([config["configurable"]["thread_id"]]),
    "copying": lambda saver, config: saver.acopy_thread(
        config["configurable"]["thread_id"], str(uuid4())
    ),
}


@pytest.mark.parametrize("act", WRITES.values(), ids=WRITES.keys())
@pytest.mark.parametrize(
    "change",
    [CLAIM, "update runs set status = 'error' where run_id = $1"],
    ids=["claimed", "ended"],
)
async def test_an_attempt_that_is_over_changes_nothing(
    pool: asyncpg.Pool, act: Act, change: str
) -> None:
    fence = await claimed_run(pool)
    saver = PostgresSaver(pool, fence=fence)
    first = await put(saver, thread_config(), {"x": "a"}, run_id="the-run")
    config = await put(saver, first, {"x": "b"}, run_id="the-run")
    before = await contents(pool)

    await pool.execute(change, fence.run_id)

    with pytest.raises(LeaseLost):
        await act(saver, config)
    assert await contents(pool) == before


@pytest.mark.parametrize("act", WRITES.values(), ids=WRITES.keys())
async def test_the_current_attempt_may_do_everything(pool: asyncpg.Pool, act: Act) -> None:
    saver = PostgresSaver(pool, fence=await claimed_run(pool))
    first = await put(saver, thread_config(), {"x": "a"}, run_id="the-run")
    config = await put(saver, first, {"x": "b"}, run_id="the-run")
    before = await contents(pool)

    await act(saver, config)

    assert await contents(pool) != before


async def test_a_write_waits_for_a_claim_that_is_under_way_and_then_is_refused(
    pool: asyncpg.Pool,
) -> None:
    fence = await claimed_run(pool)
    saver = PostgresSaver(pool, fence=fence)
    async with pool.acquire() as other, other.transaction():
        await other.execute(CLAIM, fence.run_id)
        writing = asyncio.create_task(put(saver, thread_config(), {"x": 1}))
        await eventually(lambda: other.fetchval("select 1 from pg_locks where not granted"))
        assert not writing.done()

    with pytest.raises(LeaseLost):
        await writing
    assert await contents(pool) == [[], [], []]


async def test_a_claim_waits_for_a_write_that_is_under_way(pool: asyncpg.Pool) -> None:
    fence = await claimed_run(pool)
    async with pool.acquire() as connection, connection.transaction():
        await put(PostgresSaver(connection, fence=fence), thread_config(), {"x": 1})
        claiming = asyncio.create_task(pool.execute(CLAIM, fence.run_id))
        await eventually(lambda: pool.fetchval("select 1 from pg_locks where not granted"))
        assert not claiming.done()
    await claiming


async def test_a_fence_of_another_run_or_epoch_is_refused(pool: asyncpg.Pool) -> None:
    fence = await claimed_run(pool)
    for wrong in (Fence(uuid4(), fence.epoch), Fence(fence.run_id, fence.epoch - 1)):
        with pytest.raises(LeaseLost):
            await put(PostgresSaver(pool, fence=wrong), thread_config(), {"x": 1})


async def test_a_rolled_back_run_leaves_nothing_behind(pool: asyncpg.Pool) -> None:
    checkpoints = PostgresCheckpoints(pool)
    root = thread_config()
    thread_id = root["configurable"]["thread_id"]
    earlier = await put(checkpoints.saver(), root, {"list": [LONG]}, run_id=str(uuid4()))
    await checkpoints.saver().aput_writes(earlier, [("list", ["pending"])], TASK)
    before = await contents(pool)

    fence = await claimed_run(pool)
    saver = checkpoints.fenced_saver(fence.run_id, fence.epoch)
    run_id = str(fence.run_id)
    assert not await checkpoints.has_checkpoint_of_run(thread_id, fence.run_id)
    await saver.aput_writes(earlier, [(RESUME, "yes"), ("list", ["b"])], str(uuid4()))
    later = await put(saver, earlier, {"list": [LONG, LONG]}, run_id=run_id)
    await saver.aput_writes(later, [("list", ["c"])], TASK)
    child: Any = {"configurable": {"thread_id": thread_id, "checkpoint_ns": "child:1"}}
    await put(saver, child, {"list": [LONG]}, run_id=run_id)
    assert await checkpoints.has_checkpoint_of_run(thread_id, fence.run_id)

    await checkpoints.delete_of_run(thread_id, fence.run_id)

    assert await contents(pool) == before
    assert not await checkpoints.has_checkpoint_of_run(thread_id, fence.run_id)
