"""Where a reader stands in a thread's log: which frames follow it, and where one is missing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from joinstream.domain.events import NO_RUN, EventId, Frame, FrameBatch, FrameKind

_HOW_IT_ENDED = frozenset({FrameKind.ERROR, FrameKind.END})


@dataclass(frozen=True, slots=True)
class Gap:
    """Events the reader can no longer get: those after `after` up to and including `until`.

    None means: from the start, or up to an id nobody knows.
    """

    after: EventId | None
    until: EventId | None


class Placement(NamedTuple):
    """`rest` are the frames that could not be placed because something before them is missing."""

    items: list[FrameBatch | Gap]
    rest: Sequence[Frame]


class Position:
    """The last frame seen, of whatever run, and the frames that count as following it.

    `run_id` None: the frames of every run are wanted. `at_boundary`: an epoch may begin here
    without naming its predecessor, as nothing was seen yet or the last frame ended one.
    `anywhere`: the reader asked for what comes from now on while the log was empty, so that it
    begins with whatever comes first. `end_epoch`: how the run ended before it is of no interest,
    because it was retried.
    """

    __slots__ = ("_end_epoch", "_run_id", "anywhere", "at_boundary", "ended", "last", "seen")

    def __init__(self, run_id: UUID | None, end_epoch: int = 0) -> None:
        self._run_id = run_id
        self._end_epoch = end_epoch
        self.last: EventId | None = None
        self.at_boundary = True
        self.anywhere = False
        self.seen = False
        self.ended = False

    def move_to(self, last: EventId | None) -> None:
        """Stand after `last` without having seen it."""
        self.last = last

    def begin_after(self, earliest: EventId | None) -> None:
        """Stand nowhere before `earliest`; where that is further on, nothing lies in between."""
        if earliest is not None and (self.last is None or self.last < earliest):
            self.last = earliest
            self.at_boundary = True

    def take_whole(self, batch: FrameBatch) -> bool:
        """Advance over the batch if it follows without a hole and is wanted as it is."""
        prev = batch.frames[0].prev
        if prev is None or prev != self.last or not batch.seamless:
            return False
        if self._run_id is not None and batch.run_id != self._run_id:
            return False
        self._advance(batch.frames[-1])
        self.seen = True
        return True

    def place(self, frames: Sequence[Frame], *, authoritative: bool) -> Placement:
        """Advance over the frames that follow; what was seen before is dropped.

        With `authoritative` frames a hole is a fact and becomes a Gap; otherwise it ends the
        placement, and the log has to be asked.
        """
        items: list[FrameBatch | Gap] = []
        wanted: list[Frame] = []
        for index, frame in enumerate(frames):
            if self.ended:
                break
            if self.last is not None and frame.id <= self.last:
                continue
            follows = self._follows(frame)
            if not (follows and not frame.pointer) and not authoritative:
                _close(wanted, items)
                return Placement(items, frames[index:])
            gap = self._gap_before(frame, follows)
            if gap is not None:
                _close(wanted, items)
                items.append(gap)
                wanted = []
            self._advance(frame)
            if not frame.pointer and self._wants(frame):
                self.seen = True
                wanted.append(frame)
        _close(wanted, items)
        return Placement(items, ())

    def _wants(self, frame: Frame) -> bool:
        if self._run_id is None:
            return True
        return frame.run_id == self._run_id and not self._was_undone(frame)

    def _was_undone(self, frame: Frame) -> bool:
        return frame.kind in _HOW_IT_ENDED and frame.id.epoch < self._end_epoch

    def _follows(self, frame: Frame) -> bool:
        if self.anywhere:
            return True
        if frame.prev is None:
            return self.at_boundary
        # `prev` may lie before `last`: frames of a run without a log are nobody's `prev`.
        return self.last is not None and frame.prev <= self.last

    def _gap_before(self, frame: Frame, follows: bool) -> Gap | None:
        if frame.pointer:
            return Gap(self.last, frame.id) if self._wants(frame) else None
        if follows:
            return None
        within_one_epoch = self.last is None or self.last.epoch == frame.id.epoch
        if within_one_epoch and not self._wants(frame):
            return None
        return Gap(self.last, frame.prev)

    def _advance(self, frame: Frame) -> None:
        self.last = frame.id
        self.at_boundary = frame.kind is FrameKind.END or frame.run_id == NO_RUN
        self.anywhere = False
        self.ended = (
            frame.kind is FrameKind.END
            and frame.run_id == self._run_id
            and not self._was_undone(frame)
        )


def _close(wanted: list[Frame], items: list[FrameBatch | Gap]) -> None:
    if wanted:
        items.append(FrameBatch.of(wanted))
