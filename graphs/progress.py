"""Custom events: a node tells how far it is while it still works.

    in      {"total": 3}
    events  {"done": 1, "total": 3}, {"done": 2, "total": 3}, {"done": 3, "total": 3}
    out     {"total": 3, "result": "3 of 3 done"}

Ask for `stream_mode="custom"` to see the events.
"""

import asyncio

from langgraph.config import get_stream_writer
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict


class State(TypedDict, total=False):
    total: int
    result: str


async def work(state: State) -> State:
    write, total = get_stream_writer(), state["total"]
    for done in range(1, total + 1):
        await asyncio.sleep(0)
        write({"done": done, "total": total})
    return {"result": f"{total} of {total} done"}


graph = StateGraph(State).add_node(work).add_edge(START, "work").compile()
