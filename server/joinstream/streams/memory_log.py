"""One thread's log in memory: what a Redis stream is to `append.lua`."""

from bisect import bisect_right
from collections.abc import Sequence
from operator import attrgetter
from uuid import UUID

from joinstream.domain.events import EventId, Frame
from joinstream.ports import LogPage

_id_of = attrgetter("id")


class MemoryLog:
    """Frames, oldest first. `expires_at` is in the seconds of whoever keeps the logs."""

    __slots__ = ("_bytes", "_frames", "expires_at")

    def __init__(self) -> None:
        self._frames: list[Frame] = []
        self._bytes = 0
        self.expires_at = 0.0

    @property
    def top(self) -> EventId | None:
        return self._frames[-1].id if self._frames else None

    def append(self, frames: Sequence[Frame]) -> list[Frame]:
        """Add the frames that are new; returns them as they are in the log."""
        accepted = []
        for frame in frames:
            top = self.top
            if top is not None and frame.id <= top:
                continue
            if frame.id.k == 0 and top is not None:
                frame = frame._replace(prev=top)
            self._frames.append(frame)
            self._bytes += len(frame.body)
            accepted.append(frame)
        return accepted

    def shrink(self, max_entries: int, max_bytes: int) -> None:
        """Drop the oldest frames, a hundredth more than needed so that it is seldom needed."""
        frames = self._frames
        if len(frames) <= max_entries and self._bytes <= max_bytes:
            return
        surplus = len(frames) - max_entries + max_entries // 100
        dropped = 0
        while dropped < len(frames) - 1 and (dropped < surplus or self._bytes > max_bytes):
            self._bytes -= len(frames[dropped].body)
            dropped += 1
        del frames[:dropped]

    def read(self, after: EventId | None, limit: int) -> LogPage:
        start = 0 if after is None else bisect_right(self._frames, after, key=_id_of)
        end = start + limit
        return LogPage(self._frames[start:end], len(self._frames) > end)

    def first_of_run(self, run_id: UUID) -> Frame | None:
        return next((frame for frame in self._frames if frame.run_id == run_id), None)
