"""Postgres connections that break at every single statement of a run: before it, or after it.

After it is the worse: the statement took effect, and who sent it cannot know.
"""

import asyncio
import operator
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Annotated, Any, TypedDict
from uuid import uuid4

import asyncpg
import pytest
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import START, StateGraph

from joinstream.checkpoint import Fence, PostgresCheckpoints, databases
from joinstream.errors import Unavailable
from joinstream.store.pool import create_pool
from tests.support.checkpoints import CLAIM, LONG, TABLES, claimed_run, empty
from tests.support.postgres import PostgresForTests
from tests.support.statement_proxy import Fault, StatementProxy, statement_proxy

FAULTS = pytest.mark.parametrize("fault", ["lost", "unanswered"])
NODES = ("left", "right", "join", "last")
TRAIL = [f"{node} {LONG}" for node in NODES]


class State(TypedDict):
    trail: Annotated[list[str], operator.add]


@dataclass
class Journey:
    """A thread with one run, and a graph of three supersteps that counts how often nodes start."""

    fence: Fence
    config: Any = field(default_factory=lambda: {"configurable": {"thread_id": str(uuid4())}})
    starts: Counter[str] = field(default_factory=Counter)

    @property
    def thread_id(self) -> str:
        thread_id: str = self.config["configurable"]["thread_id"]
        return thread_id

    async def go(self, saver: BaseCheckpointSaver[Any], given: Any) -> Any:
        """Execute the graph to its end; `given` None: where it was left."""
        builder = StateGraph(State)
        for node in NODES:
            builder.add_node(node, self._node(node))
        builder.add_edge(START, "left").add_edge(START, "right")
        builder.add_edge(["left", "right"], "join").add_edge("join", "last")
        graph = builder.compile(checkpointer=saver)
        run = {"metadata": {"run_id": str(self.fence.run_id)}}
        return await graph.ainvoke(given, self.config | run, durability="sync")

    def _node(self, name: str) -> Any:
        async def node(state: State) -> Any:
            self.starts[name] += 1
            if name == "right":  # so that what `left` wrote is sent alone
                for _ in range(20):
                    await asyncio.sleep(0)
            return {"trail": [f"{name} {LONG}"]}

        return node


@pytest.fixture(scope="module")
async def proxy_and_pools(
    postgres: PostgresForTests,
) -> AsyncIterator[tuple[StatementProxy, asyncpg.Pool, asyncpg.Pool]]:
    uri = await postgres.fresh_database()
    async with statement_proxy(uri) as proxy:
        direct = await create_pool(uri, max_size=2)
        through = await create_pool(proxy.uri, max_size=2)
        yield proxy, direct, through
        through.terminate()
        await direct.close()
    await postgres.drop_database(uri)


@pytest.fixture
def proxy(proxy_and_pools: tuple[StatementProxy, asyncpg.Pool, asyncpg.Pool]) -> StatementProxy:
    proxy_and_pools[0].be_whole()
    return proxy_and_pools[0]


@pytest.fixture
async def direct(
    proxy_and_pools: tuple[StatementProxy, asyncpg.Pool, asyncpg.Pool],
) -> asyncpg.Pool:
    """To Postgres itself, whose checkpoint tables are empty."""
    await empty(proxy_and_pools[1])
    return proxy_and_pools[1]


@pytest.fixture
def through(proxy_and_pools: tuple[StatementProxy, asyncpg.Pool, asyncpg.Pool]) -> asyncpg.Pool:
    """To Postgres through the proxy."""
    return proxy_and_pools[2]


async def what_is_left(pool: asyncpg.Pool, journey: Journey) -> Any:
    """All of the thread that is the same for every such journey: its history, and its rows.

    A value whose storing was repeated may be there twice as long as a task's write names the first
    copy, so parts are counted when only the newest checkpoint is left.
    """
    saver = PostgresCheckpoints(pool).saver()
    history = [
        (
            found.checkpoint["channel_values"],
            found.metadata["step"],
            [(channel, value) for _, channel, value in found.pending_writes or ()],
        )
        async for found in saver.alist(journey.config)
    ]
    rows = await row_counts(pool, journey)
    await saver.aprune([journey.thread_id])
    return history, rows["checkpoints"], rows["checkpoint_writes"], await row_counts(pool, journey)


async def row_counts(pool: asyncpg.Pool, journey: Journey) -> dict[str, int]:
    """How many rows of each checkpoint table are the thread's."""
    return {
        table: await pool.fetchval(
            f"select count(*) from {table} where thread_id::text = $1", journey.thread_id
        )
        for table in TABLES
    }


@FAULTS
async def test_a_run_that_loses_its_connection_at_any_statement_leaves_what_it_leaves_without(
    proxy: StatementProxy, direct: asyncpg.Pool, through: asyncpg.Pool, fault: Fault
) -> None:
    undisturbed = Journey(await claimed_run(direct))
    saver = PostgresCheckpoints(direct).fenced_saver(undisturbed.fence.run_id, 7)
    assert await undisturbed.go(saver, {"trail": []}) == {"trail": TRAIL}
    wanted = await what_is_left(direct, undisturbed)

    for number in count(1):
        journey = Journey(await claimed_run(direct))
        saver = PostgresCheckpoints(through).fenced_saver(journey.fence.run_id, 7)
        proxy.strike_at(number, fault)
        assert await journey.go(saver, {"trail": []}) == {"trail": TRAIL}
        assert await what_is_left(direct, journey) == wanted, f"at statement {number}"
        assert journey.starts == dict.fromkeys(NODES, 1)
        if not proxy.struck.is_set():
            break
    assert number > len(NODES)


async def stored_tasks(pool: asyncpg.Pool, journey: Journey) -> set[str]:
    """The nodes whose result the database has, in the newest checkpoint or beside it."""
    found = await PostgresCheckpoints(pool).saver().aget_tuple(journey.config)
    if found is None:
        return set()
    results: list[str] = list(found.checkpoint["channel_values"].get("trail", []))
    for _, channel, value in found.pending_writes or ():
        results += value if channel == "trail" else []
    return {result.split()[0] for result in results}


async def die_at(
    proxy: StatementProxy, number: int, fault: Fault, journey: Journey, pool: asyncpg.Pool
) -> bool:
    """Execute with a worker that sends nothing more from a statement on; False: it got through."""
    saver = PostgresCheckpoints(pool).fenced_saver(journey.fence.run_id, journey.fence.epoch)
    proxy.strike_at(number, fault, stay_down=True)
    with suppress(Unavailable):
        await journey.go(saver, {"trail": []})
    died = proxy.struck.is_set()
    proxy.be_whole()
    return died


@FAULTS
async def test_wherever_a_worker_dies_the_next_one_loses_and_repeats_no_finished_task(
    proxy: StatementProxy,
    direct: asyncpg.Pool,
    through: asyncpg.Pool,
    fault: Fault,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(databases, "PATIENCE_SECONDS", 0.0)  # the dead try nothing again
    between_writes_and_checkpoint = 0
    for number in count(1):
        journey = Journey(await claimed_run(direct))
        died = await die_at(proxy, number, fault, journey, through)
        if not died:
            break
        await direct.execute(CLAIM, journey.fence.run_id)
        finished = await stored_tasks(direct, journey)
        between_writes_and_checkpoint += finished == {"left"}
        journey.starts.clear()

        checkpoints = PostgresCheckpoints(direct)
        saver = checkpoints.fenced_saver(journey.fence.run_id, journey.fence.epoch + 1)
        begun = await saver.ahas_checkpoint_of_run(journey.thread_id, str(journey.fence.run_id))
        result = await journey.go(saver, None if begun else {"trail": []})

        assert result == {"trail": TRAIL}, f"at statement {number}"
        assert journey.starts == dict.fromkeys(set(NODES) - finished, 1), f"at statement {number}"
    assert between_writes_and_checkpoint
