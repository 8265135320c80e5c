"""Encrypted checkpoints: what the tables hold, who can read it, and what it weighs."""

import operator
import os
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any, TypedDict
from uuid import uuid4

import asyncpg
import pytest
from langchain_core.messages import AnyMessage, HumanMessage
from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.graph import START, StateGraph, add_messages
from langgraph_sdk.encryption import Encryption
from langgraph_sdk.encryption.types import DecryptResult

from joinstream.checkpoint import PostgresCheckpoints, PostgresSaver
from joinstream.checkpoint.serializers import SerdeConfig, make_serializer
from joinstream.encryption.aes import AesCipher
from joinstream.errors import EncryptionFailed
from tests.support.api import running_api
from tests.support.checkpoints import (
    LONG,
    TABLES,
    TASK,
    checkpoint_database,
    empty,
    put,
    relation_bytes,
    thread_config,
    values_of,
)
from tests.support.postgres import PostgresForTests

KEY = b"0123456789abcdef"
SECRET = "the treasure lies under the oak"
SHORT = "oak-17"


def shifting_handlers() -> Encryption:
    """Handlers whose ciphertext is no longer than the text, and differs in every byte."""
    encryption = Encryption()

    @encryption.encrypt.blob
    async def encrypt(ctx: Any, blob: bytes) -> bytes:
        assert ctx.model == "checkpoint"
        return bytes((byte + 90) % 256 for byte in blob)

    @encryption.decrypt.blob
    async def decrypt(ctx: Any, blob: bytes) -> Any:
        return DecryptResult(bytes((byte - 90) % 256 for byte in blob))

    return encryption


def by_aes(key: bytes = KEY) -> SerializerProtocol:
    return make_serializer(SerdeConfig(), aes=AesCipher(key))


def by_handlers() -> SerializerProtocol:
    return make_serializer(SerdeConfig(), encryption=shifting_handlers())


ENCRYPTING = pytest.mark.parametrize("make", [by_aes, by_handlers], ids=["aes", "handlers"])


@pytest.fixture(scope="module")
async def shared_pool(postgres: PostgresForTests) -> AsyncIterator[asyncpg.Pool]:
    async with checkpoint_database(postgres) as pool:
        yield pool


@pytest.fixture
async def pool(shared_pool: asyncpg.Pool) -> asyncpg.Pool:
    """Empty checkpoint tables."""
    await empty(shared_pool)
    return shared_pool


async def stored_bytes(pool: asyncpg.Pool) -> bytes:
    """Every value of every row, one after another."""
    rows = [row for table in TABLES for row in await pool.fetch(f"select * from {table}")]
    return b"\n".join(
        value if isinstance(value, bytes) else str(value).encode()
        for row in rows
        for value in row.values()
    )


async def store_secrets(saver: PostgresSaver) -> Any:
    """A checkpoint with values of every size and shape, and a task's writes."""
    values = {
        "text": SECRET,
        "short": SHORT,
        "list": [SECRET + LONG, HumanMessage(SECRET)],
        "dict": {SECRET: SECRET + LONG},
    }
    config = await put(saver, thread_config(), values)
    await saver.aput_writes(config, [("list", [SECRET]), ("messages", HumanMessage(SECRET))], TASK)
    return config


@ENCRYPTING
async def test_the_tables_hold_nothing_of_a_state_and_reading_gives_it_back(
    pool: asyncpg.Pool, make: Callable[[], SerializerProtocol]
) -> None:
    config = await store_secrets(PostgresCheckpoints(pool).saver())
    assert SECRET.encode() in await stored_bytes(pool)
    assert SHORT.encode() in await stored_bytes(pool)
    plain = await PostgresSaver(pool).aget_tuple(config)
    await empty(pool)

    config = await store_secrets(PostgresCheckpoints(pool, serde=make()).saver())

    stored = await stored_bytes(pool)
    assert SECRET.encode() not in stored
    assert SHORT.encode() not in stored
    found = await PostgresCheckpoints(pool, serde=make()).saver().aget_tuple(config)
    assert plain is not None
    assert found is not None
    assert found.checkpoint["channel_values"] == plain.checkpoint["channel_values"]
    assert found.pending_writes == plain.pending_writes


async def test_a_thread_begun_without_encryption_goes_on_with_it(pool: asyncpg.Pool) -> None:
    config = await put(PostgresSaver(pool), thread_config(), {"list": [LONG, "plain"]})

    saver = PostgresSaver(pool, serde=by_aes())
    config = await put(saver, config, {"list": [LONG, "plain", LONG + SECRET]})

    assert SECRET.encode() not in await stored_bytes(pool)
    again = PostgresSaver(pool, serde=by_aes())
    assert await values_of(again, config) == {"list": [LONG, "plain", LONG + SECRET]}


async def test_what_aes_encrypted_stays_readable_after_a_change_to_handlers(
    pool: asyncpg.Pool,
) -> None:
    config = await put(PostgresSaver(pool, serde=by_aes()), thread_config(), {"list": [LONG]})

    both = make_serializer(SerdeConfig(), aes=AesCipher(KEY), encryption=shifting_handlers())
    config = await put(PostgresSaver(pool, serde=both), config, {"list": [LONG, SECRET + LONG]})

    values = await values_of(PostgresSaver(pool, serde=both), config)
    assert values == {"list": [LONG, SECRET + LONG]}
    kinds = await pool.fetch("select distinct type from checkpoint_parts")
    assert {row["type"] for row in kinds} == {"msgpack+aes", "msgpack+custom"}


@pytest.mark.parametrize(
    ("written", "read", "remedy"),
    [
        (by_aes(), by_aes(b"another key, yes"), "LANGGRAPH_AES_KEY is not the key"),
        (by_aes(), make_serializer(SerdeConfig()), "set LANGGRAPH_AES_KEY"),
        (by_aes(), by_handlers(), "set LANGGRAPH_AES_KEY"),
        (by_handlers(), make_serializer(SerdeConfig()), "`encryption` in langgraph.json"),
        (by_handlers(), by_aes(), "`encryption` in langgraph.json"),
    ],
    ids=["wrong key", "no key", "handlers instead of key", "no handlers", "key, not handlers"],
)
async def test_reading_without_what_decrypts_says_what_is_missing(
    pool: asyncpg.Pool, written: SerializerProtocol, read: SerializerProtocol, remedy: str
) -> None:
    config = await put(PostgresSaver(pool, serde=written), thread_config(), {"list": [LONG]})

    with pytest.raises(EncryptionFailed, match=remedy):
        await PostgresSaver(pool, serde=read).aget_tuple(config)


async def test_a_handler_that_fails_is_named_and_nothing_is_stored(pool: asyncpg.Pool) -> None:
    encryption = shifting_handlers()

    async def refuse(ctx: Any, blob: bytes) -> bytes:
        raise PermissionError("the vault is closed")

    encryption._blob_encryptor = refuse
    saver = PostgresSaver(pool, serde=make_serializer(SerdeConfig(), encryption=encryption))

    with pytest.raises(
        EncryptionFailed, match=r"encrypted .* PermissionError: the vault is closed"
    ):
        await put(saver, thread_config(), {"list": [LONG]})
    assert await pool.fetchval("select count(*) from checkpoints") == 0


async def test_a_servers_key_encrypts_the_checkpoints_of_its_runs_and_its_api_reads_them(
    database_uri: str,
) -> None:
    async with running_api(database_uri, langgraph_aes_key=KEY.decode()) as api:
        thread = await api.client.threads.create(graph_id="echo")
        await api.execute("echo", thread["thread_id"], {"text": SECRET})

        state = await api.client.threads.get_state(thread["thread_id"])
        assert state["values"] == {"text": SECRET}
        assert SECRET.encode() not in await stored_bytes(api.backends.pool)


class Chat(TypedDict):
    messages: Annotated[list[AnyMessage], add_messages]
    lines: Annotated[list[str], operator.add]


async def note(state: Chat) -> Any:
    return {"lines": [os.urandom(512).hex()]}


chat = StateGraph(Chat).add_node("note", note).add_edge(START, "note")


@ENCRYPTING
async def test_an_encrypted_thread_of_twice_as_many_turns_takes_about_twice_the_bytes(
    pool: asyncpg.Pool, make: Callable[[], SerializerProtocol]
) -> None:
    config: Any = {"configurable": {"thread_id": str(uuid4())}}
    serde = make()
    sizes = {}
    for turn in range(1, 161):
        graph = chat.compile(checkpointer=PostgresSaver(pool, serde=serde))
        given: Any = {"messages": [HumanMessage(os.urandom(512).hex())]}
        await graph.ainvoke(given, config)
        if turn in (80, 160):
            sizes[turn] = await relation_bytes(pool)

    assert sizes[160] < 3 * sizes[80]
    values = await values_of(PostgresSaver(pool, serde=serde), config)
    assert len(values["messages"]) == len(values["lines"]) == 160
