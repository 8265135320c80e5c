"""The events of a run's parts, as a graph's own `astream_events` tells them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from joinstream.domain.events import Frame
from joinstream.domain.ids import RunId
from joinstream.encoding import dumps, loads
from joinstream.langserve_api.chunks import ChunkShape
from joinstream.langserve_api.selection import Selection
from joinstream.streams.codec import data_of

EVENTS: Final = "events"
CUSTOM = "on_custom_event"

Event = dict[str, Any]


def kind_of(event: Event) -> str:
    """What kind of thing the event is about, `chat_model` of `on_chat_model_start`."""
    return str(event["event"]).removeprefix("on_").rpartition("_")[0]


def phase_of(event: Event) -> str:
    """What has become of it: `start`, `stream`, `end` or `error`."""
    return str(event["event"]).rpartition("_")[2]


@dataclass(frozen=True, slots=True)
class EventReader:
    """Reads the events in a run's frames.

    A run asks its graph for more than one stream mode, so the chunks of the root are told with
    theirs; they get the shape that the client has asked for.
    """

    run_id: RunId
    shape: ChunkShape

    def read(self, frame: Frame) -> Event | None:
        if frame.mode != EVENTS:
            return None
        event: Event = loads(data_of(frame.body))
        if self.is_of_root(event) and phase_of(event) == "stream":
            *namespace, mode, data = event["data"]["chunk"]
            event["data"]["chunk"] = self.shape.chunk(mode, data, *namespace)
        return event

    def is_of_root(self, event: Event) -> bool:
        return bool(event["run_id"] == str(self.run_id) and event["event"] != CUSTOM)


class Events:
    """Translator of `stream_events`. When a run begins anew, so do its events."""

    def __init__(self, reader: EventReader, wanted: Selection) -> None:
        self._reader = reader
        self._wanted = wanted

    def begin(self) -> None: ...

    def read(self, frame: Frame) -> Iterator[bytes]:
        event = self._reader.read(frame)
        if event is None:
            return
        # the kind of an event of the graph's own is its name, to filters
        kind = event["name"] if event["event"] == CUSTOM else kind_of(event)
        if self._wanted.has(event["name"], kind, event["tags"]):
            yield dumps(event)

    def end(self) -> None: ...
