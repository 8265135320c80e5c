"""Every stream mode gives what the graph itself gives, event for event."""

from importlib import import_module
from typing import Any
from uuid import UUID

import langgraph.version
import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from joinstream import __version__
from joinstream.domain.stream_modes import STREAM_MODES
from tests.support.parity import Event, comparable, expected_stream
from tests.support.server import Deployment

HUMAN = {"role": "human", "content": "What is 2 + 3?"}

CONVERSATIONS: dict[str, list[dict[str, Any]]] = {
    "echo": [{"input": {"text": "hello"}}],
    "chat": [{"input": {"messages": [HUMAN]}}, {"input": {"messages": [HUMAN]}}],
    "agent": [{"input": {"messages": [HUMAN]}}],
    "approval": [{"input": {"topic": "rain"}}, {"command": {"resume": "yes"}}],
    "counter": [{"input": {"steps": 2}}, {"input": {"steps": 1}}],
    # One word: which of several tasks of a superstep ends first is not for anybody to say.
    "parallel": [{"input": {"words": ["one"]}}],
    "progress": [{"input": {"total": 3}}],
    "research": [{"input": {"question": "why is the sky blue"}}],
    "faulty": [{"input": {"verb": "flood", "n": 5}}],
}
"""The runs that are made one after another on a thread of each graph."""

NAMED = {"echo": "Echo"}
"""Graphs that were compiled with a name; runs of the others are called by their graphs' ids."""

COMBINATIONS: list[tuple[str, ...]] = [
    *((mode,) for mode in STREAM_MODES),
    ("values", "updates", "custom"),
    ("messages-tuple", "values"),
    ("messages", "messages-tuple"),
    ("messages", "tasks", "checkpoints", "debug"),
    ("events", "values", "updates", "messages-tuple", "custom"),
    tuple(mode for mode in STREAM_MODES if mode != "events"),
]


def case_name(modes: tuple[str, ...]) -> str:
    return "+".join(modes) if len(modes) < len(STREAM_MODES) - 1 else "everything"


@pytest.mark.parametrize("subgraphs", [False, True], ids=["root", "subgraphs"])
@pytest.mark.parametrize("modes", COMBINATIONS, ids=case_name)
@pytest.mark.parametrize("graph_id", CONVERSATIONS)
async def test_a_run_streams_what_its_graph_streams(
    embedded: Deployment, graph_id: str, modes: tuple[str, ...], subgraphs: bool
) -> None:
    await assert_parity(embedded, graph_id, modes, subgraphs)


@pytest.mark.parametrize("graph_id", CONVERSATIONS)
async def test_streams_are_the_same_from_a_worker_process_through_redis(
    two_and_two: Deployment, graph_id: str
) -> None:
    await assert_parity(two_and_two, graph_id, COMBINATIONS[-1], subgraphs=True)


@pytest.mark.parametrize("subgraphs", [False, True], ids=["root", "subgraphs"])
async def test_parallel_tasks_each_stream_what_they_stream_in_process(
    embedded: Deployment, subgraphs: bool
) -> None:
    words, modes = ["one", "two", "three"], ("updates", "values")
    run = {"input": {"words": words}}
    thread_id = (await embedded.client.threads.create())["thread_id"]
    _, received = await server_stream(embedded, thread_id, "parallel", run, modes, subgraphs)
    graph = import_module("graphs.parallel").graph
    expected = await expected_stream(graph, run["input"], {}, modes, subgraphs=subgraphs)
    # The tasks of one superstep end in any order, and all of them before the values after it.
    assert received[0] == expected[0]
    assert sorted(received[1:4], key=str) == sorted(expected[1:4], key=str)
    assert received[4:] == expected[4:]


@pytest.mark.parametrize("modes", [("values", "updates"), ("messages-tuple",), ("events",)])
async def test_a_stateless_run_streams_what_its_graph_streams_without_a_checkpointer(
    embedded: Deployment, modes: tuple[str, ...]
) -> None:
    asked = CONVERSATIONS["research"][0]
    run, received = await server_stream(embedded, None, "research", asked, modes, True)
    graph = import_module("graphs.research").graph
    expected = await expected_stream(
        graph, asked["input"], config_of(run, "research"), modes, subgraphs=True
    )
    assert comparable(received) == comparable(expected)


async def assert_parity(
    deployment: Deployment, graph_id: str, modes: tuple[str, ...], subgraphs: bool
) -> None:
    """Every run of the graph's conversation streams the same from the server and in process."""
    graph = import_module(f"graphs.{graph_id}").graph.with_config()
    graph.checkpointer = InMemorySaver()
    thread_id = (await deployment.client.threads.create())["thread_id"]
    for asked in CONVERSATIONS[graph_id]:
        run, received = await server_stream(
            deployment, thread_id, graph_id, asked, modes, subgraphs
        )
        expected = await expected_stream(
            graph,
            Command(**asked["command"]) if "command" in asked else asked["input"],
            config_of(run, graph_id),
            modes,
            subgraphs=subgraphs,
        )
        assert comparable(received) == comparable(expected)


async def server_stream(
    deployment: Deployment,
    thread_id: str | None,
    graph_id: str,
    asked: dict[str, Any],
    modes: tuple[str, ...],
    subgraphs: bool,
) -> tuple[dict[str, Any], list[Event]]:
    """The run, and its events without the first and the last, which are the server's own."""
    where: Any = thread_id
    how: Any = {"stream_mode": list(modes), "stream_subgraphs": subgraphs, **asked}
    parts = [part async for part in deployment.client.runs.stream(where, graph_id, **how)]
    first, *events, last = parts
    run_id = first.data["run_id"]
    assert first.event == "metadata"
    assert first.data == {"run_id": run_id, "attempt": 1}
    assert last.event == "end"
    path = f"/threads/{thread_id}/runs/{run_id}" if thread_id else f"/runs/{run_id}"
    run = (await deployment.http.get(path)).json()
    return run, [Event(part.event, part.data) for part in events]


def config_of(run: dict[str, Any], graph_id: str) -> Any:
    """What the server adds to a graph's config, which is to be seen in events."""
    ids = {
        "run_id": run["run_id"],
        "thread_id": run["thread_id"],
        "graph_id": graph_id,
        "assistant_id": run["assistant_id"],
    }
    return {
        "run_id": UUID(run["run_id"]),
        "run_name": NAMED.get(graph_id, graph_id),
        "configurable": ids,
        "metadata": {
            **ids,
            "created_by": "system",
            "run_attempt": 1,
            "langgraph_version": langgraph.version.__version__,
            "langgraph_api_version": __version__,
            "langgraph_host": "self-hosted",
        },
    }
