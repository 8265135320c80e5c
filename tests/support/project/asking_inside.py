"""Asks within a subgraph of a subgraph, next to one that remembers its calls."""

import operator
from typing import Annotated

from langgraph.graph import START, StateGraph
from langgraph.types import interrupt
from typing_extensions import TypedDict


class State(TypedDict, total=False):
    answers: Annotated[list[str], operator.add]
    calls: Annotated[int, operator.add]


def ask(state: State) -> State:
    return {"answers": [interrupt("what?")]}


def count(state: State) -> State:
    return {"calls": 1}


inner = StateGraph(State).add_node(ask).add_edge(START, "ask").compile()
outer = StateGraph(State).add_node("inner", inner).add_edge(START, "inner").compile()
remembering = StateGraph(State).add_node(count).add_edge(START, "count").compile(checkpointer=True)

graph = (
    StateGraph(State)
    .add_node("outer", outer)
    .add_node("remembering", remembering)
    .add_edge(START, "remembering")
    .add_edge("remembering", "outer")
    .compile()
)
