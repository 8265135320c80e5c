"""Two nodes in one superstep: one is quick, the other waits forever the first time.

`path`: a file to which each node appends its name when it starts.
"""

import asyncio
import operator
from pathlib import Path
from typing import Annotated

from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict


class State(TypedDict, total=False):
    path: str
    done: Annotated[list[str], operator.add]


def note(state: State, node: str) -> int:
    """Append the node's name; how often it had been started before."""
    journal = Path(state["path"])
    lines = journal.read_text().splitlines() if journal.exists() else []
    with journal.open("a") as file:
        file.write(f"{node}\n")
    return lines.count(node)


async def quick(state: State) -> State:
    note(state, "quick")
    return {"done": ["quick"]}


async def slow(state: State) -> State:
    if note(state, "slow") == 0:
        await asyncio.Event().wait()
    return {"done": ["slow"]}


graph = (
    StateGraph(State)
    .add_node(quick)
    .add_node(slow)
    .add_edge(START, "quick")
    .add_edge(START, "slow")
    .compile()
)
