"""A loop with a reducer: `steps` supersteps, each of which adds 1 to `count`.

    in   {"steps": 3}
    out  {"steps": 0, "count": 3}

Run it again on the same thread and `count` goes on from where it was. `seconds` makes each step
take that long.
"""

import asyncio
import operator
from typing import Annotated

from langgraph.graph import END, START, StateGraph
from typing_extensions import TypedDict


class State(TypedDict, total=False):
    steps: int
    count: Annotated[int, operator.add]
    seconds: float


async def step(state: State) -> State:
    await asyncio.sleep(state.get("seconds", 0.0))
    return {"steps": state["steps"] - 1, "count": 1}


def more(state: State) -> str:
    return "step" if state["steps"] > 0 else END


graph = (
    StateGraph(State)
    .add_node(step)
    .add_conditional_edges(START, more, ["step", END])
    .add_conditional_edges("step", more, ["step", END])
    .compile()
)
