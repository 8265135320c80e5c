"""The checkpointer against Postgres: the fence, round trips, refusals, races."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from threading import Lock
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.serde.types import RESUME

from joinstream.checkpoint import Fence, PostgresCheckpoints, PostgresSaver
from joinstream.encoding import dumps_for_postgres, loads
from joinstream.errors import LeaseLost, Unserializable
from joinstream.store.pool import create_pool
from tests.support.checkpoints import CLAIM, claimed_run, put, thread_config, values_of
from tests.support.waiting import eventually

TASK = str(uuid4())
LONG = "word " * 300
LAST = "ffffffff-0000-6000-8000-000000000000"
"""An id after those of all other checkpoints."""


@pytest.fixture
async def pool(database_uri: str) -> AsyncIterator[asyncpg.Pool]:
    pool = await create_pool(database_uri, max_size=4)
    yield pool
    await pool.close()


async def contents(pool: asyncpg.Pool) -> list[Any]:
    """All rows of all checkpoint tables."""
    tables = ("checkpoints", "checkpoint_parts", "checkpoint_writes")
    return [await pool.fetch(f"select * from {table} order by 1, 2, 3") for table in tables]


# --- the fence ------------------------------------------------------------------------------

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


# --- round trips ----------------------------------------------------------------------------


async def test_each_operation_is_one_statement(pool: asyncpg.Pool) -> None:
    fence = await claimed_run(pool)
    async with pool.acquire() as connection:
        saver = PostgresSaver(connection, fence=fence)
        config = await put(saver, thread_config(), {"list": [LONG, "b"], "dict": {"a": LONG}})
        found = await saver.aget_tuple(config)
        assert found is not None
        found.checkpoint["channel_values"]["list"].append(LONG)
        following: Any = found.checkpoint | {"id": LAST}
        statements: list[str] = []
        connection.add_query_logger(lambda query: statements.append(query.query))

        async def count(operation: Awaitable[Any]) -> int:
            statements.clear()
            await operation
            await asyncio.sleep(0)  # the logger is told in the loop's next pass
            return len(statements)

        async def list_all() -> None:
            assert len([found async for found in saver.alist(config)]) == 1

        assert await count(saver.aput(config, following, {"step": 1}, {"list": 2})) == 1
        assert await count(saver.aput_writes(config, [("list", ["c"]), ("x", 1)], TASK)) == 1
        assert await count(saver.aget_tuple(config)) == 1
        assert await count(list_all()) == 1


async def test_a_tasks_writes_and_the_checkpoint_that_follows_share_a_statement_and_a_part(
    pool: asyncpg.Pool,
) -> None:
    saver = PostgresSaver(pool)
    message = AIMessage(LONG, id="1")
    config = await put(saver, thread_config(), {"list": [HumanMessage(LONG, id="0")]})
    before = await saver.aget_tuple(config)
    assert before is not None
    before.checkpoint["channel_values"]["list"].append(message)
    following: Any = before.checkpoint | {"id": LAST}

    await asyncio.gather(
        saver.aput_writes(config, [("list", message)], TASK),
        saver.aput(config, following, {"step": 1}, {"list": 2}),
    )

    assert await pool.fetchval("select count(*) from checkpoint_parts") == 2
    again = await PostgresSaver(pool).aget_tuple(config)
    assert again is not None
    assert again.pending_writes == [(TASK, "list", message)]


# --- values ---------------------------------------------------------------------------------


async def test_a_value_that_cannot_be_stored_is_named_with_its_channel_place_and_type(
    pool: asyncpg.Pool,
) -> None:
    saver = PostgresSaver(pool)
    values = {"messages": [HumanMessage("a"), ToolMessage("b", tool_call_id="1", artifact=Lock())]}

    with pytest.raises(
        Unserializable, match=r"Channel 'messages' .* messages\[1\]\.artifact is a _thread\.lock"
    ):
        await put(saver, thread_config(), values)
    config = await put(saver, thread_config(), {})
    with pytest.raises(Unserializable, match=r"Channel 'out' .* out is a _thread\.lock"):
        await saver.aput_writes(config, [("out", Lock())], TASK)


async def test_metadata_may_hold_nul_and_half_characters(pool: asyncpg.Pool) -> None:
    saver = PostgresSaver(pool)
    config = await put(
        saver, thread_config(), {}, said="a\0b", deep={"k": ["\0"]}, half="\ud800", run_id="r"
    )

    found = await saver.aget_tuple(config)

    assert found is not None
    assert found.metadata["run_id"] == "r"
    assert [f async for f in saver.alist(config, filter={"run_id": "r"})] == [found]


class Scrambling:
    """A cipher of the kind that gives another text every time."""

    def encrypt(self, plaintext: bytes) -> tuple[str, bytes]:
        key = uuid4().bytes
        return "scramble", key + bytes(b ^ key[i % 16] for i, b in enumerate(plaintext))

    def decrypt(self, ciphername: str, ciphertext: bytes) -> bytes:
        key, text = ciphertext[:16], ciphertext[16:]
        return bytes(b ^ key[i % 16] for i, b in enumerate(text))


async def test_an_encrypting_serializer_sees_all_values_and_items_are_still_stored_once(
    pool: asyncpg.Pool,
) -> None:
    saver = PostgresSaver(pool, serde=EncryptedSerializer(Scrambling()))
    config = thread_config()
    said = [f"secret {number} {LONG}" for number in range(6)]
    for end in range(1, 7):
        config = await put(saver, config, {"list": said[:end], "small": "secret"})

    assert (await values_of(saver, config))["list"] == said
    assert await pool.fetchval("select count(*) from checkpoint_parts") == 6
    assert all(b"secret" not in row["data"] for row in (await contents(pool))[1])
    assert all(b"secret" not in row["body"] for row in (await contents(pool))[0])


async def test_a_list_with_pickled_items_reads_back_as_pickled_in_one(pool: asyncpg.Pool) -> None:
    saver = PostgresSaver(pool, serde=JsonPlusSerializer(pickle_fallback=True))
    values = {"list": [("a", "tuple"), complex(1, 2), LONG]}

    config = await put(saver, thread_config(), values)

    assert await values_of(saver, config) == values


async def test_what_a_node_changes_in_place_is_stored(pool: asyncpg.Pool) -> None:
    saver = PostgresSaver(pool)
    messages = [AIMessage(LONG, id=str(number)) for number in range(5)]
    config = await put(saver, thread_config(), {"messages": messages})
    messages[1].additional_kwargs["seen"] = True
    messages[3].content = "changed"

    config = await put(saver, config, {"messages": messages})

    assert (await values_of(PostgresSaver(pool), config))["messages"] == messages


# --- races ----------------------------------------------------------------------------------


async def test_two_savers_may_continue_from_the_same_checkpoint(pool: asyncpg.Pool) -> None:
    base = await put(PostgresSaver(pool), thread_config(), {"list": [LONG]})
    savers = [PostgresSaver(pool) for _ in range(4)]
    for saver in savers:
        await saver.aget_tuple(base)

    branches = await asyncio.gather(
        *(
            put(saver, base, {"list": [LONG, f"{number} {LONG}"]})
            for number, saver in enumerate(savers)
        )
    )

    for number, branch in enumerate(branches):
        found = await values_of(PostgresSaver(pool), branch)
        assert found == {"list": [LONG, f"{number} {LONG}"]}


async def test_a_checkpoint_whose_parent_is_deleted_meanwhile_is_stored_in_full(
    pool: asyncpg.Pool,
) -> None:
    saver = PostgresSaver(pool)
    parent = await put(saver, thread_config(), {"list": [LONG], "other": LONG}, run_id="gone")
    known = await saver.aget_tuple(parent)
    assert known is not None
    await PostgresSaver(pool).adelete_for_runs(["gone"])
    following: Any = known.checkpoint | {"id": LAST}

    config = await saver.aput(parent, following, {"step": 1}, {})

    found = await values_of(PostgresSaver(pool), config)
    assert found == {"list": [LONG], "other": LONG}


async def test_nothing_of_a_transaction_that_is_rolled_back_remains(pool: asyncpg.Pool) -> None:
    config = thread_config()

    async def change() -> None:
        async with pool.acquire() as connection, connection.transaction():
            saver = PostgresSaver(connection)
            await saver.aput_writes(await put(saver, config, {"x": LONG}), [("x", 1)], TASK)
            assert await values_of(saver, config) == {"x": LONG}
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await change()
    assert await contents(pool) == [[], [], []]


# --- runs and threads -----------------------------------------------------------------------


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


# --- threads, loops, sessions ---------------------------------------------------------------


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
