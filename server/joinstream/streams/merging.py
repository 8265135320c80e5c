"""Events of one message that come together, made one: for readers who asked for it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from joinstream.domain.events import Frame, FrameKind
from joinstream.encoding import dumps, loads
from joinstream.streams.codec import data_of, event_of, sse_bytes


def merged(frames: Iterable[Frame]) -> list[Frame]:
    """Neighbours that add text to one message as one event with all of the text; of those that
    each have all of a growing message, the last.

    Such an event has the last one's id: who comes back with it has had what it stands for.
    """
    merging: list[_Growing] = []
    for frame in frames:
        growing = _Growing.of(frame)
        if not (merging and merging[-1].takes(growing)):
            merging.append(growing)
    return [each.frame() for each in merging]


@dataclass(slots=True)
class _Growing:
    """A frame, and what it has in common with those that can be merged with it: `same` is None
    when there can be none. `texts` are what each of them adds; none: each replaces the one before.
    """

    last: Frame
    same: Any = None
    texts: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, frame: Frame) -> "_Growing":
        if frame.kind is not FrameKind.EVENT:
            return cls(frame)
        if frame.mode == "messages/partial":
            [message] = loads(data_of(frame.body))
            return cls(frame, same=message.get("id"))
        if frame.mode == "messages":
            chunk, metadata = loads(data_of(frame.body))
            if isinstance(chunk.get("content"), str):
                text = chunk.pop("content")
                return cls(frame, (event_of(frame.body), chunk, metadata), [text])
        return cls(frame)

    def takes(self, other: "_Growing") -> bool:
        """Whether the other one was merged into this."""
        if self.same is None or self.same != other.same or self.last.mode != other.last.mode:
            return False
        self.last = other.last
        self.texts += other.texts
        return True

    def frame(self) -> Frame:
        if len(self.texts) < 2:
            return self.last
        name, chunk, metadata = self.same
        data = dumps([{"content": "".join(self.texts), **chunk}, metadata])
        return self.last._replace(body=sse_bytes(name, data, self.last.id))
