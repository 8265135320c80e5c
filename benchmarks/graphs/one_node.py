"""One node and one superstep.

in   {"text": "hello"}
out  {"text": "hello"}
"""

from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict


class State(TypedDict):
    text: str


async def answer(state: State) -> State:
    return {"text": state["text"]}


graph = StateGraph(State).add_node(answer).add_edge(START, "answer").compile()
