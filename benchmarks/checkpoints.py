"""What a checkpointer costs: CPU of this process per superstep, and bytes on disk of a thread.

A chat of one node, each turn a run with a saver of its own: three supersteps, of which two change
the list of messages. Our saver, LangGraph's in memory (the floor) and its own for Postgres take
turns, on threads that had the given number of turns before. Messages are 1 KB that nobody can
compress. The stock layout is not grown to 1,000 turns: its thread would take over 2 GB.
"""

import os
import statistics
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any, TypedDict
from uuid import uuid4

import asyncpg
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.graph import START, StateGraph, add_messages
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from benchmarks.support.lab import Lab
from benchmarks.support.measurement import Aim, Measurement
from benchmarks.support.servers import data_folder
from joinstream.checkpoint import PostgresSaver
from joinstream.store.embedded import EmbeddedPostgres
from joinstream.store.migrate import migrate
from joinstream.store.pool import create_pool

LENGTHS = (50, 200, 1000)
STOCK_GROWS_TO = 200
MEASURED_TURNS = 40
SUPERSTEPS_A_TURN = 3
MESSAGE_BYTES = 1024

Saver = BaseCheckpointSaver[Any]


class Chat(TypedDict):
    messages: Annotated[list[AnyMessage], add_messages]


async def answer(state: Chat) -> dict[str, Any]:
    return {"messages": AIMessage(_noise())}


chat = StateGraph(Chat).add_node("answer", answer).add_edge(START, "answer")


def _noise() -> str:
    return os.urandom(MESSAGE_BYTES // 2).hex()


@dataclass
class Thread:
    """A thread of one saver's, and the CPU seconds that its turns have cost so far."""

    make_saver: Callable[[], Saver]
    costs: list[float] = field(default_factory=list)
    config: dict[str, Any] = field(
        default_factory=lambda: {"configurable": {"thread_id": str(uuid4())}}
    )

    async def turn(self) -> None:
        graph = chat.compile(checkpointer=self.make_saver())
        run: Any = {**self.config, "metadata": {"run_id": str(uuid4())}}
        asked: Any = {"messages": [HumanMessage(_noise())]}
        before = time.process_time()
        await graph.ainvoke(asked, run, durability="async")
        self.costs.append(time.process_time() - before)

    @property
    def cost(self) -> float:
        """Of a superstep in a usual turn."""
        return statistics.median(self.costs[1:]) / SUPERSTEPS_A_TURN

    async def fill(self, turns: int) -> None:
        """The messages of so many turns, at once."""
        said: list[AnyMessage] = []
        for _ in range(turns):
            said += [HumanMessage(_noise()), AIMessage(_noise())]
        graph = chat.compile(checkpointer=self.make_saver())
        config: Any = self.config
        await graph.aupdate_state(config, {"messages": said}, as_node="answer")


@dataclass(frozen=True)
class Savers:
    """Makers of savers, and the databases behind two of them."""

    ours: Callable[[], Saver]
    stock: Callable[[], Saver]
    our_pool: asyncpg.Pool
    stock_pool: asyncpg.Pool


async def run(_: Lab) -> AsyncIterator[Measurement]:
    with data_folder() as folder, EmbeddedPostgres(folder) as postgres:
        async with _savers(postgres.uri) as savers:
            for length in LENGTHS:
                async for measurement in _cpu(savers, length):
                    yield measurement
            async for measurement in _bytes(savers):
                yield measurement


@asynccontextmanager
async def _savers(uri: str) -> AsyncIterator[Savers]:
    async with AsyncExitStack() as closing:
        await migrate(uri)
        ours = await closing.enter_async_context(await create_pool(uri))
        await ours.execute("create database stock")
        stock_uri = uri.replace("/postgres?", "/stock?")
        counting = await closing.enter_async_context(await create_pool(stock_uri))
        pool: AsyncConnectionPool[Any] = AsyncConnectionPool(
            stock_uri,
            kwargs={"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row},
            max_size=4,
            open=False,
        )
        stock = await closing.enter_async_context(pool)
        await AsyncPostgresSaver(stock).setup()
        yield Savers(lambda: PostgresSaver(ours), lambda: AsyncPostgresSaver(stock), ours, counting)


async def _cpu(savers: Savers, length: int) -> AsyncIterator[Measurement]:
    memory = InMemorySaver()
    ours, stock, floor = threads = (
        Thread(savers.ours),
        Thread(savers.stock),
        Thread(lambda: memory),
    )
    for thread in threads:
        await thread.fill(length - MEASURED_TURNS // 2)
    for _ in range(1 + MEASURED_TURNS):
        for thread in threads:
            await thread.turn()
    for name, thread, aim in (
        ("CPU a superstep", ours, Aim(1.6 * floor.cost, "1.6 x memory")),
        ("the same, stock saver", stock, None),
    ):
        title = f"{name}, {length} turns"
        yield Measurement("checkpoints", title, None, thread.cost, "seconds", floor.cost, aim)


async def _bytes(savers: Savers) -> AsyncIterator[Measurement]:
    """Content is what was said: two messages a turn."""
    for name, make_saver, pool, longest, times in (
        ("bytes of a thread", savers.ours, savers.our_pool, LENGTHS[-1], 4),
        ("the same, stock saver", savers.stock, savers.stock_pool, STOCK_GROWS_TO, None),
    ):
        before = await _checkpoint_bytes(pool)
        thread = Thread(make_saver)
        for turn in range(1, longest + 1):
            await thread.turn()
            if turn in LENGTHS:
                content = turn * 2 * MESSAGE_BYTES
                size = await _checkpoint_bytes(pool) - before
                aim = Aim(times * content, f"{times} x content") if times else None
                yield Measurement(
                    "checkpoints", f"{name}, {turn} turns", None, size, "bytes", content, aim
                )


async def _checkpoint_bytes(pool: asyncpg.Pool) -> int:
    """Bytes of the checkpoint tables with their indexes."""
    size: int = await pool.fetchval(
        """select sum(pg_total_relation_size(oid))::bigint from pg_class
        where relkind = 'r' and relname like 'checkpoint%'"""
    )
    return size
