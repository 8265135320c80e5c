"""A graph that tells for whom it was made and for whom it executes."""

from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.graph import START, StateGraph
from langgraph_sdk.runtime import ServerRuntime
from typing_extensions import TypedDict


class State(TypedDict, total=False):
    made_for: str | None
    executes_for: dict[str, Any] | None
    identity: str | None
    permissions: list[str] | None


def make_graph(runtime: ServerRuntime[None]) -> StateGraph[State, None, State, State]:
    made_for = runtime.user.identity if runtime.user else None

    def tell(state: State, config: RunnableConfig) -> State:
        configurable = config["configurable"]
        user = configurable.get("langgraph_auth_user")
        return State(
            made_for=made_for,
            executes_for=user and {"team": user["team"], "email": user.email, **user},
            identity=configurable.get("langgraph_auth_user_id"),
            permissions=configurable.get("langgraph_auth_permissions"),
        )

    return StateGraph(State).add_node(tell).add_edge(START, "tell")
