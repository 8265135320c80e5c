"""Gives back what the run was configured with."""

from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.graph import START, StateGraph
from langgraph.runtime import get_runtime
from typing_extensions import TypedDict


class Context(TypedDict, total=False):
    tenant: str


class State(TypedDict, total=False):
    seen: dict[str, Any]


def mirror(state: State, config: RunnableConfig) -> State:
    configurable = config.get("configurable", {})
    return {
        "seen": {
            "configurable": {k: v for k, v in configurable.items() if not k.startswith("__")},
            "metadata": dict(config.get("metadata", {})),
            "tags": list(config.get("tags") or []),
            "max_concurrency": config.get("max_concurrency"),
            "context": get_runtime(Context).context,
        }
    }


graph = (
    StateGraph(State, context_schema=Context).add_node(mirror).add_edge(START, "mirror").compile()
)
