"""The checkpointer's threads and namespaces, and from where it may be used."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from langgraph.checkpoint.base import BaseCheckpointSaver

from joinstream.checkpoint import PostgresSaver
from joinstream.checkpoint.queries import QUERIES
from joinstream.encoding import dumps_for_postgres, loads
from joinstream.store.pool import create_pool
from tests.support.checkpoints import (
    LAST,
    LONG,
    TASK,
    checkpoint_database,
    claimed_run,
    empty,
    put,
    thread_config,
    values_of,
)
from tests.support.postgres import PostgresForTests


@pytest.fixture(scope="module")
async def shared_pool(postgres: PostgresForTests) -> AsyncIterator[asyncpg.Pool]:
    async with checkpoint_database(postgres) as pool:
        yield pool


@pytest.fixture
async def pool(shared_pool: asyncpg.Pool) -> asyncpg.Pool:
    """Empty checkpoint tables."""
    await empty(shared_pool)
    return shared_pool


async def test_pruning_takes_the_calls_of_subgraphs_with_the_checkpoints_they_were_made_from(
    pool: asyncpg.Pool,
) -> None:
    saver = PostgresSaver(pool)
    root = thread_config()
    thread_id = root["configurable"]["thread_id"]
    for number in range(3):
        root = await put(saver, root, {"list": [LONG]})
        parents = {"": root["configurable"]["checkpoint_id"]}
        call: Any = {"configurable": {"thread_id": thread_id, "checkpoint_ns": f"sub:{number}"}}
        await put(saver, call, {"x": 1}, parents=parents)

    await saver.aprune([thread_id])

    of_thread: Any = {"configurable": {"thread_id": thread_id}}
    left = [found.config["configurable"] async for found in saver.alist(of_thread)]
    assert {place["checkpoint_ns"] for place in left} == {"", "sub:2"}
    assert len(left) == 2


async def test_threads_with_free_names_are_kept_apart(pool: asyncpg.Pool) -> None:
    saver = PostgresSaver(pool)
    for name in ("alice", "bob"):
        await put(saver, {"configurable": {"thread_id": name, "checkpoint_ns": ""}}, {"x": name})

    for name in ("alice", "bob"):
        config: Any = {"configurable": {"thread_id": name}}
        assert await values_of(saver, config) == {"x": name}
        assert [f.config["configurable"]["thread_id"] async for f in saver.alist(config)] == [name]


async def test_a_checkpoint_id_that_is_none_finds_nothing(pool: asyncpg.Pool) -> None:
    saver = PostgresSaver(pool)
    config = await put(saver, thread_config(), {"x": 1})
    for wrong in ("latest", "'; drop table checkpoints", str(uuid4())):
        asked: Any = {"configurable": config["configurable"] | {"checkpoint_id": wrong}}
        assert await saver.aget_tuple(asked) is None


async def test_synchronous_methods_work_in_other_threads(pool: asyncpg.Pool) -> None:
    saver: BaseCheckpointSaver[Any] = PostgresSaver(pool)
    config = await put(saver, thread_config(), {"list": ["a"]}, run_id="r")
    thread_id = config["configurable"]["thread_id"]

    def use() -> list[Any]:
        found = saver.get_tuple(config)
        assert found is not None
        saver.put_writes(config, [("list", ["b"])], TASK)
        following: Any = found.checkpoint | {"id": LAST}
        saver.put(config, following, {"step": 1}, {"list": 2})
        saver.copy_thread(thread_id, str(uuid4()))
        saver.get_delta_channel_history(config=config, channels=["list"])
        listed = list(saver.list(config | {"configurable": {"thread_id": thread_id}}))
        saver.prune([thread_id])
        saver.delete_for_runs(["r"])
        saver.delete_thread(thread_id)
        return listed

    assert len(await asyncio.to_thread(use)) == 2
    assert await saver.aget_tuple(config) is None


async def test_synchronous_methods_refuse_to_block_the_loop_they_need(pool: asyncpg.Pool) -> None:
    saver = PostgresSaver(pool)

    with pytest.raises(RuntimeError, match="ainvoke"):
        saver.get_tuple(thread_config())


async def test_a_node_may_run_a_subgraph_on_an_event_loop_of_its_own(pool: asyncpg.Pool) -> None:
    saver = PostgresSaver(pool)
    config = thread_config()

    def elsewhere() -> None:
        asyncio.run(put(saver, config, {"x": LONG}))

    await asyncio.to_thread(elsewhere)

    assert await values_of(saver, config) == {"x": LONG}


async def test_no_statement_relies_on_the_session(database_uri: str) -> None:
    """As behind PgBouncer: nothing is prepared, and each statement finds a session like new."""

    async def know_jsonb(connection: asyncpg.Connection) -> None:
        await connection.set_type_codec(
            "jsonb", encoder=dumps_for_postgres, decoder=loads, schema="pg_catalog"
        )

    async def forget(connection: asyncpg.Connection) -> None:
        await connection.execute("discard all")

    async with asyncpg.create_pool(
        database_uri,
        min_size=1,
        max_size=1,
        statement_cache_size=0,
        init=know_jsonb,
        reset=forget,
    ) as pool:
        saver = PostgresSaver(pool, fence=await claimed_run(pool))
        config = await put(saver, thread_config(), {"list": [LONG]})
        await saver.aput_writes(config, [("list", [LONG])], TASK)
        assert await values_of(saver, config) == {"list": [LONG]}
        await saver.aprune([config["configurable"]["thread_id"]])
        assert len([found async for found in saver.alist(config)]) == 1


async def test_a_pool_may_prepare_nothing(database_uri: str) -> None:
    for prepares in (True, False):
        pool = await create_pool(database_uri, max_size=1, prepared_statements=prepares)
        await pool.fetch("select * from threads")
        prepared = await pool.fetchval(
            "select count(*) from pg_prepared_statements where from_sql = false"
        )
        assert (prepared > 0) is prepares
        await pool.close()


@pytest.mark.parametrize(
    "name",
    [
        "persist",
        "read_newest",
        "list_in_namespace",
        "list_in_thread",
        "ancestors",
        "history",
        "has_checkpoint_of_run",
        "delete_runs_of_thread",
        "delete_threads",
        "heads",
        "keep_only",
        "delete_unused_parts",
        "copy_thread",
    ],
)
async def test_what_concerns_one_thread_never_looks_through_all(
    pool: asyncpg.Pool, name: str
) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("set local enable_seqscan = off")
        explain = await connection.prepare(f"explain (generic_plan) {QUERIES[name]}")
        plan = await explain.fetch(*(None for _ in explain.get_parameters()))

    text = "\n".join(row[0] for row in plan)
    assert "Seq Scan on checkpoint" not in text
    assert "Merge Join" not in text
