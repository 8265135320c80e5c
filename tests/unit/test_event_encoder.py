"""Names and payloads of events, as the official server has them."""

from typing import Any

import orjson
from langchain_core.messages import AIMessage, AIMessageChunk
from langgraph.types import Interrupt

from joinstream.domain.events import FrameKind
from joinstream.domain.stream_modes import StreamMode
from joinstream.worker.event_encoder import EventEncoder
from joinstream.worker.graph_stream import GraphEvent


class Sent:
    """Collects what an encoder emits."""

    def __init__(self, *modes: StreamMode) -> None:
        self.events: list[tuple[str, str, int, Any]] = []
        self.encoder = EventEncoder(modes, self._emit)

    def _emit(self, kind: FrameKind, name: str, mode: str, depth: int, data: bytes) -> None:
        assert kind is FrameKind.EVENT
        self.events.append((name, mode, depth, orjson.loads(data)))

    def after(self, *events: GraphEvent) -> list[tuple[str, str, int, Any]]:
        for event in events:
            self.encoder.encode(event)
        return self.events


def test_events_of_subgraphs_carry_their_namespace_in_the_name() -> None:
    sent = Sent("updates").after(GraphEvent(("child:1", "leaf:2"), "updates", {"a": 1}))
    assert sent == [("updates|child:1|leaf:2", "updates", 2, {"a": 1})]


def test_modes_that_nobody_asked_for_are_not_sent_but_give_the_output() -> None:
    sent = Sent("updates")
    assert sent.after(GraphEvent((), "values", {"x": 1})) == []
    assert sent.encoder.output == {"x": 1}


def test_values_of_a_subgraph_are_not_the_output() -> None:
    sent = Sent("values")
    sent.after(GraphEvent((), "values", {"x": 1}), GraphEvent(("child:1",), "values", {"y": 2}))
    assert sent.encoder.output == {"x": 1}


def test_a_run_without_values_has_no_output() -> None:
    assert Sent("values").encoder.output is None


def test_all_interrupts_of_a_superstep_are_in_the_output() -> None:
    first, second = Interrupt("a?", id="1"), Interrupt("b?", id="2")
    sent = Sent("values")
    sent.after(
        GraphEvent((), "values", {"x": 1, "__interrupt__": (first,)}),
        GraphEvent((), "values", {"x": 1, "__interrupt__": (second,)}),
    )
    assert sent.encoder.output == {"x": 1, "__interrupt__": [first, second]}


def test_messages_accumulate_and_are_announced_once() -> None:
    sent = Sent("messages").after(
        GraphEvent((), "messages", (AIMessageChunk(content="Hel", id="m"), {"node": "a"})),
        GraphEvent((), "messages", (AIMessageChunk(content="lo", id="m"), {"node": "a"})),
    )
    assert [name for name, *_ in sent] == [
        "messages/metadata",
        "messages/partial",
        "messages/partial",
    ]
    assert sent[0][3] == {"m": {"metadata": {"node": "a"}}}
    assert [data[0]["content"] for *_, data in sent[1:]] == ["Hel", "Hello"]
    assert {data[0]["type"] for *_, data in sent[1:]} == {"ai"}


def test_a_whole_message_is_complete_at_once_and_never_namespaced() -> None:
    sent = Sent("messages").after(
        GraphEvent(("child:1",), "messages", (AIMessage(content="Hi", id="m"), {"node": "a"}))
    )
    assert [(name, depth) for name, _, depth, _ in sent] == [
        ("messages/metadata", 0),
        ("messages/complete", 0),
    ]


def test_tuples_win_over_accumulation_and_are_namespaced() -> None:
    metadata = {"node": "a"}
    sent = Sent("messages", "messages-tuple").after(
        GraphEvent(("child:1",), "messages", (AIMessageChunk(content="a", id="m"), metadata)),
        GraphEvent(("child:1",), "messages", (AIMessageChunk(content="b", id="m"), metadata)),
    )
    assert [name for name, *_ in sent] == ["messages|child:1"] * 2
    assert [data[0]["content"] for *_, data in sent] == ["a", "b"]
    assert all(data[0]["type"] == "AIMessageChunk" for *_, data in sent)
    assert all(data[1] == metadata for *_, data in sent)


def test_each_model_call_has_its_own_metadata() -> None:
    sent = Sent("messages-tuple").after(
        GraphEvent((), "messages", (AIMessageChunk(content="a", id="1"), {"node": "a"})),
        GraphEvent((), "messages", (AIMessageChunk(content="b", id="2"), {"node": "b"})),
        GraphEvent((), "messages", (AIMessageChunk(content="c", id="1"), {"node": "a"})),
    )
    assert [data[1]["node"] for *_, data in sent] == ["a", "b", "a"]
