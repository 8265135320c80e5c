"""A node tells how far it is while it still works; so does one of a graph inside.

    graph:  collect ──► tidy
    tidy:               sort

    in      {"total": 2}
    events  {"type": "progress", "fraction": 0.5, "label": "1 of 2", "stage": "collecting",
             "node": "collect"}, and so on
    out     {"total": 2, "found": [1, 2], "result": "2 of 2 done"}

Ask for `stream_mode="custom"` to see the events, with `stream_subgraphs` also those of `sort`.
`seconds` is the pause before each of them.
"""

import asyncio

from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

from joinstream import progress


class State(TypedDict, total=False):
    total: int
    seconds: float
    found: list[int]
    result: str


async def collect(state: State) -> State:
    total, found = state["total"], list[int]()
    for done in range(1, total + 1):
        await asyncio.sleep(state.get("seconds", 0.0))
        found.insert(0, done)
        progress(done / total, f"{done} of {total}", stage="collecting")
    return {"found": found}


async def sort(state: State) -> State:
    progress(None, "nobody knows how long", stage="tidying")
    await asyncio.sleep(state.get("seconds", 0.0))
    found = sorted(state["found"])
    progress(1, "all in order", stage="tidying")
    return {"found": found, "result": f"{len(found)} of {state['total']} done"}


tidy = StateGraph(State).add_node(sort).add_edge(START, "sort").compile()

graph = (
    StateGraph(State)
    .add_node(collect)
    .add_node("tidy", tidy)
    .add_edge(START, "collect")
    .add_edge("collect", "tidy")
    .compile()
)
