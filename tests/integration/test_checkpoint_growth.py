"""What threads weigh: bytes grow with what is said, and not with how often it was saved."""

import operator
import os
from collections.abc import AsyncIterator
from typing import Annotated, Any, TypedDict
from uuid import uuid4

import asyncpg
import pytest
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langgraph.graph import START, StateGraph, add_messages

from joinstream.checkpoint import PostgresSaver
from tests.support.checkpoints import checkpoint_database, empty, relation_bytes
from tests.support.postgres import PostgresForTests

MESSAGE_BYTES = 1024


class Chat(TypedDict):
    messages: Annotated[list[AnyMessage], add_messages]


class Log(TypedDict):
    lines: Annotated[list[Any], operator.add]


def noise() -> str:
    """Text of MESSAGE_BYTES that cannot be compressed to less than half."""
    return os.urandom(MESSAGE_BYTES // 2).hex()


async def answer(state: Chat) -> Any:
    return {"messages": AIMessage(noise())}


async def note(state: Log) -> Any:
    return {"lines": [noise()]}


chat = StateGraph(Chat).add_node("answer", answer).add_edge(START, "answer")
log = StateGraph(Log).add_node("note", note).add_edge(START, "note")


async def grow(pool: asyncpg.Pool, builder: StateGraph[Any], given: Any, turns: list[int]) -> Any:
    """Bytes on disk, indexes included, after each of these numbers of turns on one thread."""
    await empty(pool)
    sizes = []
    config: Any = {"configurable": {"thread_id": str(uuid4())}}
    for turn in range(1, turns[-1] + 1):
        graph = builder.compile(checkpointer=PostgresSaver(pool))
        run = {"metadata": {"run_id": str(uuid4())}}
        await graph.ainvoke(given(), config | run, durability="async")
        if turn in turns:
            sizes.append(await relation_bytes(pool))
    return sizes


@pytest.fixture(scope="module")
async def pool(postgres: PostgresForTests) -> AsyncIterator[asyncpg.Pool]:
    async with checkpoint_database(postgres) as pool:
        yield pool


async def test_a_chat_of_twice_as_many_turns_takes_about_twice_the_bytes(
    pool: asyncpg.Pool,
) -> None:
    def given() -> Any:
        return {"messages": [HumanMessage(noise())]}

    at_200, at_400 = await grow(pool, chat, given, [200, 400])

    assert at_400 < 3 * at_200
    assert at_400 < 4 * 400 * 2 * MESSAGE_BYTES


async def test_a_list_that_only_grows_takes_about_twice_the_bytes_when_twice_as_long(
    pool: asyncpg.Pool,
) -> None:
    at_100, at_200 = await grow(pool, log, lambda: {"lines": [1, 2.5, None]}, [100, 200])

    assert at_200 < 3 * at_100


async def test_what_is_deleted_or_pruned_gives_its_parts_back(pool: asyncpg.Pool) -> None:
    def given() -> Any:
        return {"messages": [HumanMessage(noise())]}

    await grow(pool, chat, given, [10])
    saver = PostgresSaver(pool)
    (thread_id,) = [
        row[0] for row in await pool.fetch("select distinct thread_id::text from checkpoints")
    ]
    config: Any = {"configurable": {"thread_id": thread_id}}
    before = await saver.aget_tuple(config)
    assert await pool.fetchval("select count(*) from checkpoint_parts") == 30

    await saver.aprune([thread_id])

    assert await pool.fetchval("select count(*) from checkpoint_parts") == 20
    after = await PostgresSaver(pool).aget_tuple(config)
    assert before is not None
    assert after is not None
    assert after.checkpoint == before.checkpoint
    await saver.adelete_thread(thread_id)
    assert await pool.fetchval("select count(*) from checkpoint_parts") == 0
