"""A state with values of many kinds: inline and large, ordered and not, growing and replaced."""

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from langgraph.channels import DeltaChannel
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict


@dataclass
class Note:
    """A class of the project's own."""

    text: str
    at: datetime


def appended(value: list[str] | None, writes: Sequence[list[str]]) -> list[str]:
    return sum(writes, value or [])


class State(TypedDict, total=False):
    turn: int
    tags: set[str]
    raw: bytes
    notes: Annotated[list[Note], operator.add]
    deltas: Annotated[list[str], DeltaChannel(appended, snapshot_frequency=3)]
    big: str
    nothing: None
    anything: Any


def collect(state: State) -> State:
    turn = state.get("turn", 0) + 1
    return {
        "turn": turn,
        "tags": {*state.get("tags", ()), f"tag {turn}", f"other {turn}"},
        "raw": bytes(range(turn)),
        "notes": [Note(f"note {turn}", datetime(2026, 1, turn, tzinfo=UTC))],
        "deltas": [f"delta {turn}"],
        "big": f"{turn} " * 5000,
        "nothing": None,
        "anything": {"nested": [1.5, None, True, {"deep": 2**62}], 7: "a number as a key"},
    }


graph = StateGraph(State).add_node(collect).add_edge(START, "collect").compile()
