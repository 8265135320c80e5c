"""How the checkpointer stores: round trips, values, races."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from threading import Lock
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from joinstream.checkpoint import PostgresSaver
from joinstream.errors import Unserializable
from tests.support.checkpoints import (
    CLAIM,
    LAST,
    LONG,
    TASK,
    checkpoint_database,
    claimed_run,
    contents,
    empty,
    put,
    thread_config,
    values_of,
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


async def test_a_run_outlives_the_loss_of_its_connection(pool: asyncpg.Pool) -> None:
    fence = await claimed_run(pool)
    saver = PostgresSaver(pool, fence=fence)
    async with pool.acquire() as other:
        claim = other.transaction()
        await claim.start()
        await other.execute(CLAIM, fence.run_id)
        writing = asyncio.create_task(put(saver, thread_config(), {"list": [LONG]}))
        blocked = await eventually(
            lambda: other.fetchval("select pid from pg_locks where not granted limit 1")
        )
        await other.execute("select pg_terminate_backend($1)", blocked)
        await claim.rollback()

    assert await values_of(saver, await writing) == {"list": [LONG]}
