"""Fan out and join: one `translate` task per word, all in one superstep.

    in   {"words": ["one", "two"]}
    out  {"words": ["one", "two"], "upper": ["ONE", "TWO"], "sentence": "ONE TWO"}

The reducer of `upper` joins the results in the order in which the tasks were sent, whichever ends
first, so the result is the same every time.
"""

import operator
from typing import Annotated

from langgraph.graph import START, StateGraph
from langgraph.types import Send
from typing_extensions import TypedDict


class State(TypedDict, total=False):
    words: list[str]
    upper: Annotated[list[str], operator.add]
    sentence: str


class Task(TypedDict):
    word: str


def fan_out(state: State) -> list[Send]:
    return [Send("translate", Task(word=word)) for word in state["words"]]


def translate(state: Task) -> State:
    return {"upper": [state["word"].upper()]}


def join(state: State) -> State:
    return {"sentence": " ".join(state["upper"])}


graph = (
    StateGraph(State)
    .add_node(translate, input_schema=Task)
    .add_node(join)
    .add_conditional_edges(START, fan_out, ["translate"])
    .add_edge("translate", "join")
    .compile()
)
