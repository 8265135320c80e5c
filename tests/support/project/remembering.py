"""A graph that keeps what it is told in the store, and says what it knows."""

from langgraph.config import get_store
from langgraph.graph import START, StateGraph
from langgraph.store.base import BaseStore
from typing_extensions import TypedDict

FACTS = ("facts",)


class State(TypedDict, total=False):
    fact: str
    known: list[str]


async def learn(state: State) -> State:
    await get_store().aput(FACTS, state["fact"], {"text": state["fact"]})
    return {}


def recall(state: State, *, store: BaseStore) -> State:
    """A synchronous node, which LangGraph executes in a thread."""
    return {"known": sorted(item.key for item in store.search(FACTS))}


graph = (
    StateGraph(State)
    .add_node(learn)
    .add_node(recall)
    .add_edge(START, "learn")
    .add_edge("learn", "recall")
    .compile()
)
