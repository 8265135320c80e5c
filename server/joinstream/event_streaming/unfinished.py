"""Messages that were begun and not ended, and how they are taken back.

When a run is executed again, what its last attempt was writing stands half in the clients. The
protocol has no word for taking it back, so it is said in those that there are: each of the
message's blocks ends empty, and the message ends with an error. That is enough for whoever reads
message by message, who would wait for its end otherwise, and leaves nothing to read of it in those
who show them. Who knows that what is not in the state is void when a run begins anew, as JavaScript
clients from 1.15 on, drops the message.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from joinstream.event_streaming.envelopes import Event

ABORTED = "aborted"
"""The code by which JavaScript clients, too, end messages of which nobody has told the end."""


@dataclass(slots=True)
class _Begun:
    """A message as far as was told: where, by which names, and the indices of its blocks."""

    namespace: tuple[str, ...]
    node: str | None
    names: dict[str, str]
    blocks: dict[int, None] = field(default_factory=dict)


class UnfinishedMessages:
    """Feed it the messages of a run; what is not ended it can take back."""

    def __init__(self) -> None:
        self._begun: dict[str, _Begun] = {}

    def note(self, namespace: Sequence[str], node: str | None, data: dict[str, Any]) -> None:
        """One event of the channel `messages`."""
        names = {key: data[key] for key in ("message_id", "run_id") if data.get(key)}
        if data["event"] == "message-start" and data.get("id"):
            names["message_id"] = data["id"]
        key = names.get("message_id") or names.get("run_id") or ""
        match data["event"]:
            case "message-start":
                self._begun[key] = _Begun(tuple(namespace), node, names)
            case "content-block-start" if key in self._begun:
                self._begun[key].blocks[data["index"]] = None
            case "message-finish" | "error":
                self._begun.pop(key, None)

    def taken_back(self, timestamp: int) -> Iterator[Event]:
        """The events that end each of them with nothing in it; they are forgotten then."""
        begun, self._begun = self._begun, {}
        for message in begun.values():
            for data in _end(message):
                namespace, node = message.namespace, message.node
                yield Event("messages", "messages", namespace, timestamp, data, node)


def _end(message: _Begun) -> Iterator[dict[str, Any]]:
    nothing = {"type": "text", "text": ""}
    for index in message.blocks:
        yield {
            "event": "content-block-finish",
            "index": index,
            "content": nothing,
            **message.names,
        }
    why = "Its run is executed again, which writes it anew."
    yield {"event": "error", "message": why, "code": ABORTED, **message.names}
