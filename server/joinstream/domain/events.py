"""What a stream consists of: event ids, frames, and the position of one event after another.

An event id is `<epoch>-<k>`. The epoch is the thread's claim counter in Postgres, raised by every
claim of any run of that thread; k counts 0, 1, 2 … within the claim. So ids are unique and ordered
over all runs of a thread, and the id a zombie worker would use is always below the current one.
The same text is the SSE `id:` and the Redis stream entry id.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple
from uuid import UUID

NO_RUN = UUID(int=0)
"""Whose events belong to the thread itself: each is alone in its epoch."""

MAX_EPOCH = 2**63 - 1
MAX_K = 2**32 - 1
_EVENT_ID = re.compile(r"([0-9]{1,19})(?:-([0-9]{0,10}))?")


class EventId(NamedTuple):
    """Position of an event in its thread's log; compares as (epoch, k)."""

    epoch: int
    k: int

    def __str__(self) -> str:
        return f"{self.epoch}-{self.k}"

    @classmethod
    def parse(cls, text: str) -> "EventId":
        """Read `<epoch>-<k>`, or a bare `<epoch>` as Redis does. Raises ValueError otherwise."""
        matched = _EVENT_ID.fullmatch(text)
        id = cls(int(matched[1]), int(matched[2] or 0)) if matched else None
        if id is None or id.epoch > MAX_EPOCH or id.k > MAX_K:
            raise ValueError(f"{text!r} is not an event id; ids look like 3-17")
        return id

    def before(self) -> "EventId":
        """The largest id that is smaller than this one."""
        return EventId(self.epoch, self.k - 1) if self.k else EventId(self.epoch - 1, MAX_K)


class FrameKind(IntEnum):
    """What a frame is to a reader. All but EVENT and PROTOCOL pass every stream_mode filter.

    PROTOCOL is an event of the event-streaming protocol; its mode is the channel.
    """

    EVENT = 0
    METADATA = 1
    ERROR = 2
    END = 3
    PROTOCOL = 4


class Frame(NamedTuple):
    """One event as it travels: a small header to filter on, and the finished SSE bytes.

    `prev` is the id of the event before this one in the same log, None when the writer cannot know
    one (the first event ever on a thread, or an expired log). `body` is empty when the payload was
    too large to publish (`pointer`): readers then fetch the frame from the log.
    """

    id: EventId
    prev: EventId | None
    run_id: UUID
    kind: FrameKind
    mode: str
    depth: int
    body: bytes
    pointer: bool = False


@dataclass(frozen=True, slots=True)
class FrameBatch:
    """Frames in id order, and what readers ask about them, worked out once for all readers.

    `frames` is never empty. `run_id` is None when the frames belong to several runs. `seamless`:
    each frame's `prev` is the frame before it, and none is a pointer. `size` is in body bytes.
    """

    frames: Sequence[Frame]
    run_id: UUID | None
    seamless: bool
    size: int

    @classmethod
    def of(cls, frames: Sequence[Frame]) -> "FrameBatch":
        first = frames[0]
        run_id, before, seamless, size = first.run_id, first.prev, True, 0
        of_one_run = True
        for frame in frames:
            seamless = seamless and frame.prev == before and not frame.pointer
            of_one_run = of_one_run and frame.run_id == run_id
            before = frame.id
            size += len(frame.body)
        return cls(frames, run_id if of_one_run else None, seamless, size)
