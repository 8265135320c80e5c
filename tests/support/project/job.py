"""A long job that tells how far it is in two ways, and then waits until there is a file.

in    {"gate": "/path/of/the/file"}
out   {"gate": ..., "done": True}
"""

from pathlib import Path

from langchain_core.callbacks import adispatch_custom_event
from langgraph.graph import START, StateGraph
from tests.support.waiting import eventually
from typing_extensions import TypedDict

from joinstream import progress


class State(TypedDict, total=False):
    gate: str
    done: bool


async def work(state: State) -> State:
    gate = Path(state["gate"])
    progress(0.5, "half of it")
    await adispatch_custom_event("halfway", {"of": 2})

    async def is_open() -> bool:
        return gate.exists()

    await eventually(is_open)
    return {"done": True}


graph = StateGraph(State).add_node(work).add_edge(START, "work").compile()
