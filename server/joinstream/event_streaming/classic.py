"""Between the two forms of events: classic ones for those who observe a thread, and back for those
who join a run of the protocol by its classic path."""

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

import orjson

from joinstream.domain.events import Frame, FrameKind
from joinstream.encoding import dumps
from joinstream.event_streaming import envelopes
from joinstream.event_streaming.classic_messages import ClassicMessages
from joinstream.event_streaming.envelopes import Event, envelope_of
from joinstream.event_streaming.unfinished import UnfinishedMessages
from joinstream.streams.codec import data_of, event_of, sse_bytes

_AS_THEY_ARE = frozenset({"values", "updates", "tasks"})


class ClassicRun:
    """Translates the frames of one run that was not started by `run.start`."""

    def __init__(self, run_id: UUID) -> None:
        self._run_id = run_id
        self._messages = ClassicMessages()
        self._begun = UnfinishedMessages()
        self._interrupts: dict[str, tuple[tuple[str, ...], Any]] = {}
        self._error: dict[str, Any] | None = None

    def events(self, frame: Frame, now: int) -> list[Event]:
        """What the frame says; `now` is in milliseconds."""
        data = orjson.loads(data_of(frame.body))
        match frame.kind:
            case FrameKind.METADATA:
                running = envelopes.lifecycle(self._run_id, frame.id.epoch, "running", now)
                self._messages = ClassicMessages()
                return [*self._begun.taken_back(now), running]
            case FrameKind.ERROR:
                self._error = data
                return []
            case FrameKind.END:
                return [*self._unfinished(now), *self._end(frame.id.epoch, data["status"], now)]
            case _:
                name, *segments = event_of(frame.body).split("|")
                return list(self._event(name, tuple(segments), data, now))

    def _event(self, name: str, namespace: tuple[str, ...], data: Any, now: int) -> Iterator[Event]:
        match name:
            case "values" | "updates":
                node = None
                if isinstance(data, dict):
                    self._note_interrupts(namespace, data.get("__interrupt__"))
                    if name == "values":
                        data = {k: v for k, v in data.items() if k != "__interrupt__"}
                    elif len(data) == 1 and "__interrupt__" not in data:
                        node = next(iter(data))
                yield Event(name, name, namespace, now, data, node)
            case "tasks":
                self._note_interrupts(namespace, data.get("interrupts"))
                yield Event(name, name, namespace, now, data)
            case "custom":
                yield Event(name, name, namespace, now, {"payload": data})
            case "checkpoints":
                yield envelopes.checkpoint(self._run_id, namespace, data, now)
            case "messages/metadata":
                self._messages.of_metadata(data)
            case "messages" | "messages/partial" | "messages/complete":
                node, parts = self._parts(name, data)
                for part in parts:
                    self._begun.note(namespace, node, part)
                    yield Event("messages", "messages", namespace, now, part, node)

    def _parts(self, name: str, data: Any) -> tuple[str | None, list[dict[str, Any]]]:
        if name == "messages":
            return self._messages.of_tuple(*data)
        if name == "messages/partial":
            return self._messages.of_partial(data[0])
        return self._messages.of_complete(data[0])

    def _unfinished(self, now: int) -> Iterator[Event]:
        for node, part in self._messages.finish_all():
            yield Event("messages", "messages", (), now, part, node)

    def _note_interrupts(self, namespace: tuple[str, ...], interrupts: Any) -> None:
        for interrupt in interrupts or ():
            self._interrupts.setdefault(interrupt["id"], (namespace, interrupt["value"]))

    def _end(self, epoch: int, status: str, now: int) -> Iterator[Event]:
        asks = status == "success" and bool(self._interrupts)
        if asks:
            for id, (namespace, value) in self._interrupts.items():
                yield envelopes.question(self._run_id, namespace, id, value, now)
        yield from envelopes.ending(
            self._run_id, epoch, status, self._error, asks=asks, timestamp=now
        )


def values_set_by_hand(frame: Frame, now: int) -> Event:
    """What a thread's own frame says: its state was changed between runs."""
    values = orjson.loads(data_of(frame.body))["state"]["values"]
    return Event("values", "values", (), now, values)


def classic_frames(frames: Sequence[Frame]) -> Sequence[Frame]:
    """The frames as those see them who read classic events."""
    if all(frame.kind is not FrameKind.PROTOCOL for frame in frames):
        return frames
    return [classic for frame in frames if (classic := _classic(frame)) is not None]


def _classic(frame: Frame) -> Frame | None:
    """None of a PROTOCOL frame: there is no classic event like it."""
    if frame.kind is not FrameKind.PROTOCOL:
        return frame
    if frame.mode not in _AS_THEY_ARE and frame.mode != "custom":
        return None
    params = envelope_of(frame.body)["params"]
    data = params["data"]["payload"] if frame.mode == "custom" else params["data"]
    name = "|".join((frame.mode, *params["namespace"]))
    return frame._replace(kind=FrameKind.EVENT, body=sse_bytes(name, dumps(data), frame.id))
