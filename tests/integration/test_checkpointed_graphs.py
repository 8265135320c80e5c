"""Graphs on our checkpointer do what they do on LangGraph's in-memory one."""

import operator
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any, TypedDict
from uuid import uuid4

import asyncpg
import pytest
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, RemoveMessage
from langgraph.channels import DeltaChannel
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph, add_messages
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command, Send, StateSnapshot, interrupt

from joinstream.checkpoint import PostgresSaver
from tests.support.checkpoints import LONG, checkpoint_database
from tests.support.postgres import PostgresForTests

Graph = CompiledStateGraph[Any, Any, Any, Any]
Saver = BaseCheckpointSaver[Any]


def appended(state: list[str], writes: Sequence[list[str]]) -> list[str]:
    """A reducer for a delta channel."""
    return [*state, *(item for write in writes for item in write)]


class State(TypedDict, total=False):
    messages: Annotated[list[AnyMessage], add_messages]
    log: Annotated[list[str], operator.add]
    deltas: Annotated[list[str], DeltaChannel(appended, snapshot_frequency=3)]
    files: dict[str, str]
    answer: str


class Task(TypedDict):
    number: int


class ChildState(TypedDict, total=False):
    log: Annotated[list[str], operator.add]


async def chat(state: State) -> Any:
    turn = len(state["messages"])
    return {
        "messages": AIMessage(f"answer {turn} {LONG}", id=f"ai-{turn}"),
        "log": [f"chat {turn}"],
        "deltas": [f"delta {turn}"],
        "files": {**state.get("files", {}), f"file {turn}": LONG},
    }


async def fan_out(state: State) -> Any:
    return Command(goto=[Send("work", {"number": number}) for number in range(3)])


async def work(state: Task) -> Any:
    number = state["number"]
    return {"log": [f"work {number} {LONG}"], "deltas": [f"work {number}"]}


async def approve(state: State) -> Any:
    return {"answer": interrupt("may I?"), "log": ["approved"]}


async def child(state: ChildState) -> Any:
    return {"log": ["child", interrupt("child asks")]}


def make_graph(saver: Saver) -> Graph:
    inner = StateGraph(ChildState).add_node("child", child)
    inner.add_edge(START, "child")
    builder = StateGraph(State)
    for node in (chat, fan_out, approve):
        builder.add_node(node.__name__, node)
    builder.add_node("work", work, input_schema=Task)
    builder.add_node("nested", inner.compile())
    builder.add_edge(START, "chat")
    builder.add_edge("chat", "fan_out")
    builder.add_edge("work", "approve")
    builder.add_edge("approve", "nested")
    builder.add_edge("nested", END)
    return builder.compile(checkpointer=saver)


def described(state: StateSnapshot) -> Any:
    """A state without ids and times, which differ from one execution to the next."""
    return (
        {name: value for name, value in state.values.items() if name != "messages"},
        [message.model_dump() for message in state.values.get("messages", [])],
        state.next,
        [(task.name, [i.value for i in task.interrupts]) for task in state.tasks],
        state.metadata and (state.metadata.get("source"), state.metadata["step"]),
    )


class Script:
    """Uses a graph as a client would, with a saver of its own for each run."""

    def __init__(self, make_saver: Any, durability: Any) -> None:
        self.make_saver = make_saver
        self.durability = durability
        self.thread = {"thread_id": str(uuid4())}
        self.seen: list[Any] = []

    async def run(self, given: Any, **configurable: Any) -> None:
        config: Any = {"configurable": {**self.thread, **configurable}}
        config["metadata"] = {"run_id": str(uuid4())}
        graph = make_graph(self.make_saver())
        await graph.ainvoke(given, config, durability=self.durability)
        self.seen.append(described(await graph.aget_state({"configurable": self.thread})))

    async def play(self) -> list[Any]:
        await self.run({"messages": [HumanMessage("hello", id="human-0")]})
        await self.run(Command(resume="yes"))
        await self.run(Command(resume="child's answer"))
        await self.run({"messages": [HumanMessage("again", id="human-1")]})
        await self.fork()
        await self.edit()
        await self.run(Command(resume="no"))
        history = make_graph(self.make_saver()).aget_state_history({"configurable": self.thread})
        self.seen.extend([described(state) async for state in history])
        return self.seen

    async def fork(self) -> None:
        """Go back to the first state there is and take another way."""
        graph = make_graph(self.make_saver())
        history = graph.aget_state_history({"configurable": self.thread})
        waiting = [state async for state in history if state.next not in ((), ("__start__",))]
        changed = [HumanMessage("instead", id="human-0")]
        update = {"messages": changed, "log": ["forked"]}
        await graph.aupdate_state(waiting[-1].config, update, as_node="work")
        await self.run(None)

    async def edit(self) -> None:
        graph = make_graph(self.make_saver())
        config: Any = {"configurable": self.thread}
        state = await graph.aget_state(config)
        first = state.values["messages"][0]
        update = {"messages": [RemoveMessage(id=first.id)], "answer": "edited"}
        await graph.aupdate_state(config, update, as_node="work")


@pytest.fixture(scope="module")
async def pool(postgres: PostgresForTests) -> AsyncIterator[asyncpg.Pool]:
    async with checkpoint_database(postgres) as pool:
        yield pool


async def move(memory: InMemorySaver, saver: PostgresSaver, thread_id: str) -> None:
    """Put what the in-memory saver has of a thread's root namespace into another saver."""
    config: Any = {"configurable": {"thread_id": thread_id, "checkpoint_ns": ""}}
    for found in reversed([found async for found in memory.alist(config)]):
        parent = found.parent_config or config
        await saver.aput(parent, found.checkpoint, found.metadata, {})
        tasks: dict[tuple[str, str], list[tuple[str, Any]]] = {}
        written = memory.writes[(thread_id, "", found.checkpoint["id"])]
        for _, (task_id, channel, blob, path) in sorted(written.items()):
            value = memory.serde.loads_typed(blob)
            tasks.setdefault((task_id, path), []).append((channel, value))
        for (task_id, path), writes in tasks.items():
            await saver.aput_writes(found.config, writes, task_id, path)


async def test_a_thread_that_another_saver_began_goes_on(pool: asyncpg.Pool) -> None:
    memory = InMemorySaver()
    begun = Script(lambda: memory, "sync")
    await begun.run({"messages": [HumanMessage("hello", id="human-0")]})
    await move(memory, PostgresSaver(pool), begun.thread["thread_id"])

    going_on = Script(lambda: PostgresSaver(pool), "sync")
    going_on.thread = begun.thread
    await going_on.run(Command(resume="yes"))
    await begun.run(Command(resume="yes"))

    assert going_on.seen == begun.seen[1:]


@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
async def test_a_thread_with_interrupts_forks_edits_and_subgraphs_goes_the_same_way(
    pool: asyncpg.Pool, durability: str
) -> None:
    memory = InMemorySaver()

    expected = await Script(lambda: memory, durability).play()
    found = await Script(lambda: PostgresSaver(pool), durability).play()

    assert found == expected
