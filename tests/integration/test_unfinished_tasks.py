"""A node that has written, and fails or is stopped before it is known where the graph goes next."""

import asyncio
import operator
from typing import Annotated, Any, TypedDict
from uuid import uuid4

import pytest
from langgraph.graph import START, StateGraph

from joinstream.checkpoint import PostgresSaver
from tests.support.checkpoints import checkpoint_database
from tests.support.postgres import PostgresForTests


class State(TypedDict, total=False):
    trail: Annotated[list[str], operator.add]


class Crossing:
    """Where the graph goes on; at first that cannot be told, or not before a neighbour fails."""

    def __init__(self, *, hangs: bool) -> None:
        self._hangs = hangs
        self._reached = asyncio.Event()
        self._failed = False

    async def where_to(self, state: State) -> str:
        self._reached.set()
        if self._hangs and not self._failed:
            await asyncio.Event().wait()
        self._fail_once()
        return "second"

    async def neighbour(self, state: State) -> None:
        await self._reached.wait()
        if self._hangs:
            self._fail_once()

    def _fail_once(self) -> None:
        if not self._failed:
            self._failed = True
            raise ValueError("told to fail")


async def first(state: State) -> State:
    return {"trail": ["first"]}


async def second(state: State) -> State:
    return {"trail": ["second"]}


@pytest.mark.parametrize("hangs", [True, False], ids=["stopped", "failed"])
async def test_it_is_executed_again_and_the_graph_goes_on(
    postgres: PostgresForTests, hangs: bool
) -> None:
    crossing = Crossing(hangs=hangs)
    builder = StateGraph(State).add_node(first).add_node(second).add_node(crossing.neighbour)
    builder.add_edge(START, "first").add_edge(START, "neighbour")
    builder.add_conditional_edges("first", crossing.where_to, ["second"])
    config: Any = {"configurable": {"thread_id": str(uuid4())}}
    async with checkpoint_database(postgres) as pool:
        with pytest.raises(ValueError, match="told to fail"):
            await builder.compile(checkpointer=PostgresSaver(pool)).ainvoke({"trail": []}, config)
        graph = builder.compile(checkpointer=PostgresSaver(pool))
        assert "first" in (await graph.aget_state(config)).next
        assert await graph.ainvoke(None, config) == {"trail": ["first", "second"]}
