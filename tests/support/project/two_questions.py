"""Asks two questions in one superstep."""

import operator
from typing import Annotated

from langgraph.graph import START, StateGraph
from langgraph.types import interrupt
from typing_extensions import TypedDict


class State(TypedDict, total=False):
    answers: Annotated[list[str], operator.add]


def ask_name(state: State) -> State:
    return {"answers": [f"name {interrupt('name?')}"]}


def ask_age(state: State) -> State:
    return {"answers": [f"age {interrupt('age?')}"]}


graph = (
    StateGraph(State)
    .add_node(ask_name)
    .add_node(ask_age)
    .add_edge(START, "ask_name")
    .add_edge(START, "ask_age")
    .compile()
)
