"""Takes an integer and nothing else."""

from langgraph.graph import START, StateGraph
from pydantic import BaseModel


class State(BaseModel):
    n: int


def double(state: State) -> State:
    return State(n=2 * state.n)


graph = StateGraph(State).add_node(double).add_edge(START, "double").compile()
