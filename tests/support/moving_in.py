"""A database filled by `langgraph-checkpoint-postgres`, and what it says about its threads."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.types import Command

from joinstream.domain.state_view import state_view
from joinstream.project import Project

Fill = Callable[[Any, RunnableConfig], Awaitable[None]]
"""Uses a graph on a thread."""


@dataclass(frozen=True)
class Source:
    """A database of the official saver."""

    uri: str
    saver: AsyncPostgresSaver
    project: Project

    async def fill(
        self, graph_id: str, thread_id: str, fill: Fill, configurable: dict[str, Any]
    ) -> None:
        async with opened(self.project, graph_id, thread_id, self.saver) as (graph, config):
            config["configurable"].update(configurable)
            await fill(graph, config)


@asynccontextmanager
async def official_source(uri: str, project: Project) -> AsyncIterator[Source]:
    async with AsyncPostgresSaver.from_conn_string(uri) as saver:
        await saver.setup()
        yield Source(uri, saver, project)


@asynccontextmanager
async def opened(
    project: Project, graph_id: str, thread_id: str, saver: BaseCheckpointSaver[Any]
) -> AsyncIterator[tuple[Any, RunnableConfig]]:
    """The graph over a saver, and a config that names the thread."""
    config = RunnableConfig(configurable={"thread_id": thread_id})
    async with project.open_graph(
        graph_id, config=config, access_context="threads.read", checkpointer=saver
    ) as graph:
        yield graph, config


async def seen(
    project: Project, graph_id: str, thread_id: str, saver: BaseCheckpointSaver[Any]
) -> list[Any]:
    """All that the graph says of a thread: its state with subgraphs, and its whole history."""
    async with opened(project, graph_id, thread_id, saver) as (graph, config):
        state = await graph.aget_state(config, subgraphs=True)
        history = [snapshot async for snapshot in graph.aget_state_history(config)]
        return [_nameless(state_view(snapshot), thread_id) for snapshot in [state, *history]]


def _nameless(value: Any, thread_id: str) -> Any:
    """Without the thread's id, which may be another one after the import."""
    if isinstance(value, dict):
        return {key: _nameless(inner, thread_id) for key, inner in value.items()}
    if isinstance(value, list):
        return [_nameless(inner, thread_id) for inner in value]
    return "the thread" if value == thread_id else value


async def converse(graph: Any, config: RunnableConfig) -> None:
    for text in ("hello", "and then?", "x" * 5000):
        await graph.ainvoke({"messages": [{"role": "user", "content": text}]}, config)


async def ask_and_wait(graph: Any, config: RunnableConfig) -> None:
    await graph.ainvoke({"topic": "rain"}, config)


async def ask_twice_and_answer_once(graph: Any, config: RunnableConfig) -> None:
    await graph.ainvoke({}, config)
    first, _ = (await graph.aget_state(config)).interrupts
    await graph.ainvoke(Command(resume={first.id: "Ada"}), config)


async def ask_inside(graph: Any, config: RunnableConfig) -> None:
    await graph.ainvoke({"answers": ["before"]}, config)
    await graph.ainvoke(Command(resume="this"), config)
    await graph.ainvoke({"answers": ["after"]}, config)


async def fork(graph: Any, config: RunnableConfig) -> None:
    await graph.ainvoke({"steps": 4}, config)
    history = [snapshot async for snapshot in graph.aget_state_history(config)]
    forked = await graph.aupdate_state(history[2].config, {"count": 100}, as_node="step")
    await graph.ainvoke(None, forked)
    await graph.ainvoke({"steps": 2}, config)


async def fan_out(graph: Any, config: RunnableConfig) -> None:
    await graph.ainvoke({"words": ["a", "b", "c"]}, config, interrupt_before=["join"])


async def research(graph: Any, config: RunnableConfig) -> None:
    await graph.ainvoke({"question": "tides"}, config)


async def collect(graph: Any, config: RunnableConfig) -> None:
    for _ in range(5):
        await graph.ainvoke({"anything": None}, config)


HISTORIES: dict[str, Fill] = {
    "chat": converse,
    "approval": ask_and_wait,
    "two_questions": ask_twice_and_answer_once,
    "asking_inside": ask_inside,
    "counter": fork,
    "parallel": fan_out,
    "research": research,
    "assorted": collect,
}
"""For each graph a way to use it that leaves something worth copying."""
