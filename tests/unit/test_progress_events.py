"""`progress`: what it lets through, and what it says inside of a graph and outside."""

import subprocess
import sys
from fractions import Fraction
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from typing_extensions import TypedDict

from joinstream import Progress, progress


class State(TypedDict, total=False):
    done: bool


def sync_node(state: State) -> State:
    progress(0.5, "half way", stage="work")
    return {"done": True}


async def async_node(state: State) -> State:
    progress(0.5, "half way", stage="work")
    return {"done": True}


def graph_of(node: Any, name: str = "work") -> Any:
    return StateGraph(State).add_node(name, node).add_edge(START, name).compile()


HALF_WAY: Progress = {
    "type": "progress",
    "fraction": 0.5,
    "label": "half way",
    "stage": "work",
    "node": "work",
}


@pytest.mark.parametrize("node", [sync_node, async_node])
async def test_a_node_tells_with_its_name(node: Any) -> None:
    assert [e async for e in graph_of(node).astream({}, stream_mode="custom")] == [HALF_WAY]


@pytest.mark.parametrize("node", [sync_node, async_node])
async def test_a_node_of_a_graph_inside_is_heard_with_its_own_name(node: Any) -> None:
    outer = graph_of(graph_of(node), "outer")
    events = outer.astream({}, stream_mode="custom", subgraphs=True)
    [(namespace, event)] = [e async for e in events]
    assert event == HALF_WAY
    assert [part.partition(":")[0] for part in namespace] == ["outer"]


async def test_a_tool_tells_with_the_name_of_its_node() -> None:
    @tool
    def look_up(word: str) -> str:
        """Look up a word."""
        progress(0.5, "half way", stage="work")
        return word

    call = AIMessage("", tool_calls=[{"name": "look_up", "args": {"word": "sea"}, "id": "1"}])
    node = ToolNode([look_up])
    graph = StateGraph(MessagesState).add_node("work", node).add_edge(START, "work").compile()
    events = graph.astream({"messages": [call]}, stream_mode="custom")
    assert [event async for event in events] == [HALF_WAY]


def test_a_graph_that_is_not_streamed_runs_as_well() -> None:
    assert graph_of(sync_node).invoke({}) == {"done": True}


async def test_outside_of_a_run_it_does_nothing() -> None:
    assert sync_node({}) == {"done": True}
    assert await async_node({}) == {"done": True}
    assert RunnableLambda(sync_node).invoke({}) == {"done": True}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (0, 0.0),
        (1, 1.0),
        (Fraction(1, 4), 0.25),
        (None, None),
        (sum([0.1] * 3) / 0.3, 1.0),
        (-1e-12, 0.0),
    ],
)
def test_a_fraction_is_told_as_a_float_within_its_bounds(given: Any, told: float | None) -> None:
    [event] = graph_of(lambda state: progress(given)).stream({}, stream_mode="custom")
    assert event["fraction"] == told
    assert type(event["fraction"]) is type(told)
    assert (event["label"], event["stage"]) == (None, None)


@pytest.mark.parametrize("wrong", [-0.1, 1.1, 50, float("nan"), float("inf")])
def test_a_fraction_out_of_bounds_is_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        progress(wrong)


@pytest.mark.parametrize("wrong", [True, "0.5", [0.5]])
def test_what_is_no_number_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match="a number from 0 to 1 or None"):
        progress(wrong)


@pytest.mark.parametrize("name", ["label", "stage"])
def test_texts_are_strings(name: str) -> None:
    with pytest.raises(TypeError, match=f"{name} is a string or None, not int"):
        progress(0.5, **{name: 7})  # type: ignore[arg-type]


def test_importing_it_brings_nothing_of_the_server() -> None:
    """Graphs import it wherever they run."""
    heavy = "{'langgraph', 'pydantic', 'asyncpg', 'starlette'}"
    code = f"import sys, joinstream; print({heavy} & sys.modules.keys())"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "set()"
