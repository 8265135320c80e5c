"""A human decides: the graph stops at `interrupt()` and goes on when a decision comes in.

in      {"topic": "rain"}
stops   with {"question": "Publish this?", "draft": "A few words about rain."}
resume  "yes"             goes on to `publish`; anything else ends the run
out     {"topic": "rain", "draft": "A few words about rain.", "published": True}
"""

from typing import Literal

from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt
from typing_extensions import TypedDict


class State(TypedDict, total=False):
    topic: str
    draft: str
    published: bool


def write(state: State) -> State:
    return {"draft": f"A few words about {state['topic']}.", "published": False}


def review(state: State) -> Command[Literal["publish", "__end__"]]:
    decision = interrupt({"question": "Publish this?", "draft": state["draft"]})
    return Command(goto="publish" if decision == "yes" else "__end__")


def publish(state: State) -> State:
    return {"published": True}


graph = (
    StateGraph(State)
    .add_node(write)
    .add_node(review)
    .add_node(publish)
    .add_edge(START, "write")
    .add_edge("write", "review")
    .compile()
)
