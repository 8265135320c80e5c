from typing import Any
from uuid import uuid4

import pytest

from joinstream.domain.events import EventId, Frame, FrameKind
from joinstream.encoding import dumps, loads
from joinstream.streams.codec import data_of, event_of, sse_bytes
from joinstream.streams.merging import merged

RUN = uuid4()


def event(k: int, name: str, data: Any, kind: FrameKind = FrameKind.EVENT) -> Frame:
    id = EventId(7, k)
    body = sse_bytes(name, dumps(data), id)
    mode, _, namespace = name.partition("|")
    return Frame(id, None, RUN, kind, mode, len(namespace.split("|")) if namespace else 0, body)


def token(k: int, text: Any, name: str = "messages", **chunk: Any) -> Frame:
    return event(k, name, [{"content": text, "id": "m1", **chunk}, {"langgraph_node": "model"}])


def partial(k: int, text: str, id: str = "m1") -> Frame:
    return event(k, "messages/partial", [{"content": text, "id": id}])


def shown(frames: list[Frame]) -> list[tuple[str, Any, int]]:
    return [(event_of(f.body), loads(data_of(f.body)), f.id.k) for f in merged(frames)]


def test_tokens_of_one_message_become_one_with_the_last_ones_id() -> None:
    [(name, data, k)] = shown([token(1, "one "), token(2, "two "), token(3, "three")])
    assert (name, k) == ("messages", 3)
    message = {"content": "one two three", "id": "m1"}
    assert data == [message, {"langgraph_node": "model"}]


def test_the_id_in_a_merged_event_is_the_frames() -> None:
    [frame] = merged([token(1, "a"), token(2, "b")])
    assert frame.body.endswith(b"\nid: 7-2\n\n")


@pytest.mark.parametrize(
    "other",
    [
        token(2, "b", id="m2"),
        token(2, "b", chunk_position="last"),
        token(2, "b", name="messages|child:1"),
        token(2, [{"type": "text", "text": "b"}]),
        event(2, "updates", {"content": "b", "id": "m1"}),
        event(2, "end", {}, FrameKind.END),
    ],
    ids=lambda frame: frame.body.decode(),
)
def test_what_differs_in_more_than_its_text_stays_as_it_is(other: Frame) -> None:
    frames = [token(1, "a"), other, token(3, "c")]
    assert merged(frames) == frames


def test_of_a_growing_message_the_last_is_left() -> None:
    frames = [partial(1, "a"), partial(2, "ab"), partial(3, "x", "m2"), partial(4, "abc")]
    assert merged(frames) == frames[1:]


def test_messages_without_an_id_are_not_taken_for_one() -> None:
    frames = [event(k, "messages/partial", [{"content": "a", "id": None}]) for k in (1, 2)]
    assert merged(frames) == frames
