"""What a `RemoteGraph` does: called by itself, and as a node of a graph that runs here."""

from typing import Any
from uuid import uuid4

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.pregel.remote import RemoteException, RemoteGraph
from langgraph.types import Command
from typing_extensions import TypedDict

from tests.contract.scenes import all_of
from tests.support.contract import AnyGraph, contract
from tests.support.waiting import eventually

MODES = ["values", "updates", "custom", "tasks", "checkpoints", "debug", "messages"]


def on_a_thread() -> Any:
    return {"configurable": {"thread_id": str(uuid4())}}


def other(graph: AnyGraph, graph_id: str, **options: Any) -> AnyGraph:
    """Another graph of the same server."""
    clients = {name: getattr(graph.official, name) for name in ("client", "sync_client")}
    return AnyGraph(RemoteGraph(graph_id, **clients, **options), graph.kind, graph.unused)


@contract("RemoteGraph.invoke")
async def test_invoke(graph: AnyGraph) -> None:
    config = on_a_thread()
    assert await graph.invoke(input={"steps": 2}, config=config) == {"steps": 0, "count": 2}
    assert await graph.invoke({"steps": 1}, config, durability="sync") == {"steps": 0, "count": 3}
    assert await graph.invoke({"steps": 1}) == {"steps": 0, "count": 1}
    paused = await graph.invoke({"steps": 2}, on_a_thread(), interrupt_before=["step"])
    assert paused == {"steps": 2, "count": 0}
    paused = await graph.invoke({"steps": 2}, on_a_thread(), interrupt_after="*")
    assert paused == {"steps": 1, "count": 1}
    whole = await graph.invoke({"steps": 1}, version="v2")
    assert (whole.value, whole.interrupts) == ({"steps": 0, "count": 1}, ())
    seen = await other(graph, "mirror").invoke({}, context={"tenant": "acme"})
    assert seen["seen"]["context"] == {"tenant": "acme"}
    with pytest.raises(RemoteException, match="told to fail"):
        await other(graph, "faulty").invoke({"verb": "raise"})


@contract("RemoteGraph.stream")
async def test_stream(graph: AnyGraph) -> None:
    assert await all_of(graph.stream(input={"steps": 2}, config=on_a_thread())) == [
        {"step": {"steps": 1, "count": 1}},
        {"step": {"steps": 0, "count": 1}},
    ]
    several = await all_of(
        graph.stream({"steps": 1}, on_a_thread(), stream_mode=MODES, interrupt_after=["step"])
    )
    assert {part.event for part in several} == set(MODES) - {"custom", "messages"}
    stopped = await all_of(
        graph.stream({"steps": 1}, on_a_thread(), stream_mode="values", interrupt_before="*")
    )
    assert stopped == [{"steps": 1, "count": 0}]
    progress = other(graph, "progress").stream({"total": 1}, stream_mode=["custom"])
    assert [part.data["label"] for part in await all_of(progress)] == ["1 of 1"]
    said = {"messages": [{"role": "human", "content": "hi"}]}
    spoken = await all_of(other(graph, "chat").stream(said, stream_mode="messages"))
    assert "".join(chunk["content"] for chunk, metadata in spoken) == "You said: hi"
    nested = await all_of(
        other(graph, "research").stream(
            {"question": "why"}, stream_mode=["updates"], subgraphs=True, durability="sync"
        )
    )
    depths = {len(namespace) for namespace, mode, _ in nested if mode == "updates"}
    assert depths == {0, 1, 2}
    typed = await all_of(
        other(graph, "mirror").stream(
            {}, context={"tenant": "acme"}, stream_mode="values", version="v2"
        )
    )
    assert [(part["type"], part["ns"], part["interrupts"]) for part in typed] == [
        ("values", (), ())
    ] * len(typed)
    assert typed[-1]["data"]["seen"]["context"] == {"tenant": "acme"}


@contract("RemoteGraph.get_state")
async def test_get_state(graph: AnyGraph) -> None:
    config = on_a_thread()
    await graph.invoke({"steps": 2}, config)
    state = await graph.get_state(config)
    assert (state.values, state.next) == ({"steps": 0, "count": 2}, ())
    assert state.metadata["step"] == 2
    before = await graph.get_state(config=state.parent_config)
    assert (before.values["count"], before.next) == (1, ("step",))
    asking, config = other(graph, "asking_inside"), on_a_thread()
    await asking.invoke({}, config)
    deep = await asking.get_state(config, subgraphs=True)
    (question,) = deep.interrupts
    assert question.value == "what?"
    assert deep.tasks[0].state.tasks[0].interrupts == (question,)


@contract("RemoteGraph.get_state_history")
async def test_get_state_history(graph: AnyGraph) -> None:
    config = on_a_thread()
    await graph.invoke({"steps": 3}, config)

    async def counts(**asked: Any) -> list[int | None]:
        states = await all_of(graph.get_state_history(config, **asked))
        return [state.values.get("count") for state in states]

    assert await counts() == [3, 2, 1, 0, 0]
    assert await counts(limit=2) == [3, 2]
    assert await counts(filter={"source": "input"}) == [0]
    latest = await graph.get_state(config)
    assert await counts(before=latest.config, limit=1) == [2]


@contract("RemoteGraph.update_state")
async def test_update_state(graph: AnyGraph) -> None:
    config = on_a_thread()
    await graph.invoke({"steps": 1}, config)
    then = await graph.get_state(config)
    updated = await graph.update_state(config=config, values={"count": 5}, as_node="step")
    state = await graph.get_state(config)
    assert state.values["count"] == 6
    assert state.config == updated
    fork = await graph.update_state(then.config, {"count": 1, "steps": 2}, as_node="step")
    assert (await graph.get_state(fork)).values == {"steps": 2, "count": 2}
    assert await graph.invoke(None, config) == {"steps": 0, "count": 4}


@contract("RemoteGraph.get_graph")
async def test_get_graph(graph: AnyGraph) -> None:
    research = other(graph, "research")
    assert "investigate" in (await research.get_graph()).nodes
    drawn = await research.get_graph(config=None, xray=True)
    assert "investigate:summarise:read" in drawn.nodes
    assert "investigate\\3asummarise\\3aread" in drawn.draw_mermaid()


@contract("RemoteGraph.with_config")
async def test_with_config(graph: AnyGraph) -> None:
    mirror = other(graph, "mirror")
    tagged = mirror.with_config(config={"configurable": {"tenant": "acme"}}, tags=["t"])
    seen = (await AnyGraph(tagged, graph.kind).invoke({}))["seen"]
    assert (seen["configurable"]["tenant"], seen["tags"]) == ("acme", ["t"])


@contract("RemoteGraph.copy")
async def test_copy(graph: AnyGraph) -> None:
    copied = graph.copy(update={"name": "another", "assistant_id": "echo"})
    assert copied.name == "another"
    assert await AnyGraph(copied, graph.kind).invoke({"text": "x"}) == {"text": "x"}


# --- as a node of another graph -----------------------------------------------------------------


class State(TypedDict, total=False):
    topic: str
    draft: str
    published: bool
    question: str
    report: str
    text: str


def parent_of(graph: AnyGraph, graph_id: str, **options: Any) -> AnyGraph:
    """A graph in this process with a remote one in it, which remembers its threads."""
    remote: Any = other(graph, graph_id, **options).official
    parent = (
        StateGraph(State)
        .add_node("remote", remote)
        .add_edge(START, "remote")
        .compile(checkpointer=InMemorySaver())
    )
    return AnyGraph(parent, graph.kind)


async def test_a_remote_graph_is_a_node_like_any_other(graph: AnyGraph) -> None:
    parent = parent_of(graph, "research", name="research")
    result = await parent.invoke({"question": "why"}, on_a_thread())
    assert result["report"] == "Two books agree about why (2 sources)"


async def test_a_remote_graph_streams_through_its_parent(graph: AnyGraph) -> None:
    parent = parent_of(graph, "research")
    parts = await all_of(
        parent.stream(
            {"question": "why"},
            on_a_thread(),
            stream_mode=["updates", "messages"],
            subgraphs=True,
        )
    )
    updates = [(namespace, *data) for namespace, mode, data in parts if mode == "updates"]
    assert [(len(namespace), node) for namespace, node in updates] == [
        (1, "plan"),
        (2, "search"),
        (3, "read"),
        (3, "condense"),
        (2, "summarise"),
        (1, "investigate"),
        (1, "report"),
        (0, "remote"),
    ]
    assert all(namespace[0].startswith("remote:") for namespace, _ in updates if namespace)
    said = [data[0]["content"] for _, mode, data in parts if mode == "messages"]
    assert "".join(said) == "Two books agree about why"


async def test_a_question_of_a_remote_graph_is_its_parents_and_is_answered_by_its_id(
    graph: AnyGraph,
) -> None:
    parent, config = parent_of(graph, "approval"), on_a_thread()
    asked = await parent.invoke({"topic": "rain"}, config)
    (question,) = asked["__interrupt__"]
    assert question.value["question"] == "Publish this?"

    async def remote_interrupts() -> Any:
        return (await other(graph, "approval").get_state(config)).interrupts

    assert await eventually(remote_interrupts) == (question,)  # asked before the run has ended
    (task,) = (await parent.get_state(config)).tasks
    assert task.interrupts == (question,)
    answered = await parent.invoke(Command(resume={question.id: "yes"}), config)
    assert answered["published"] is True
    assert (await other(graph, "approval").get_state(config)).next == ()


async def test_a_remote_graph_is_resumed_by_itself(graph: AnyGraph) -> None:
    approval, config = other(graph, "approval"), on_a_thread()
    asked = await approval.invoke({"topic": "rain"}, config, version="v2")
    assert [question.value["question"] for question in asked.interrupts] == ["Publish this?"]
    answered = await approval.invoke(Command(resume="yes", update={"draft": "Mine."}), config)
    assert answered == {"topic": "rain", "draft": "Mine.", "published": True}


async def test_an_error_of_a_remote_graph_is_an_error_of_its_parent(graph: AnyGraph) -> None:
    with pytest.raises(RemoteException, match="KeyError"):
        await parent_of(graph, "faulty").invoke({"text": "x"}, on_a_thread())


async def test_tracing_headers_disturb_nothing(graph: AnyGraph) -> None:
    headers = {"langsmith-trace": "20260101T000000000000Z" + str(uuid4()), "baggage": "a=b"}
    assert await graph.invoke({"steps": 1}, headers=headers) == {"steps": 0, "count": 1}
    traced = other(graph, "counter", distributed_tracing=True)
    assert await traced.invoke({"steps": 1}) == {"steps": 0, "count": 1}
