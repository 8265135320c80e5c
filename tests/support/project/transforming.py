"""Counts its own updates: a stream transformer of its own writes to the channel `tally`."""

from langgraph.graph import START, StateGraph
from langgraph.stream import ProtocolEvent, StreamChannel, StreamTransformer
from typing_extensions import TypedDict


class State(TypedDict, total=False):
    text: str


class Tally(StreamTransformer):
    required_stream_modes = ("updates",)

    def __init__(self, scope: tuple[str, ...] = ()) -> None:
        super().__init__(scope)
        self._tally: StreamChannel[int | str] = StreamChannel("tally")
        self._seen = 0

    def init(self) -> dict[str, StreamChannel[int | str]]:
        return {"tally": self._tally}

    def process(self, event: ProtocolEvent) -> bool:
        if event["method"] == "updates":
            self._seen += 1
            self._tally.push(self._seen)
        return True

    def finalize(self) -> None:
        self._tally.push(f"{self._seen} in all")


def first(state: State) -> State:
    return {"text": "first"}


def second(state: State) -> State:
    return {"text": "second"}


graph = (
    StateGraph(State)
    .add_node(first)
    .add_node(second)
    .add_edge(START, "first")
    .add_edge("first", "second")
    .compile(transformers=[Tally])
)
