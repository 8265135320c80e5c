"""The smallest graph: one node that gives back what it was given.

in   {"text": "hello"}
out  {"text": "hello"}
"""

from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict


class State(TypedDict):
    text: str


def echo(state: State) -> State:
    return {"text": state["text"]}


graph = StateGraph(State).add_node(echo).add_edge(START, "echo").compile(name="Echo")
