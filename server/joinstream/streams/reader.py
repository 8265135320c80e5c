"""One reader's state between its looks: where it stands, what it waits for, what comes next."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from math import inf
from typing import Literal
from uuid import UUID

from joinstream.domain.events import EventId, Frame, FrameBatch, FrameKind
from joinstream.ports import DIRTY, NUDGED, EventLog
from joinstream.streams.position import Gap, Position

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Now:
    """From now on: what comes after `top`, the log's top by now; None when the log is empty."""

    top: EventId | None


Cursor = EventId | Now | Literal["start", "now"]
"""`now` is wherever the log's top is when `follow` first reads it."""
LooksAtRow = Callable[[], Awaitable[bool]]

_LOG_RETRY_SECONDS = 1.0
_ROW_EVERY_WITHOUT_LOG_SECONDS = 3.0
"""While the log cannot be reached, nobody announces an end: rows are looked at more often."""
_LOG_PATIENCE_SECONDS = 5.0
"""How long a reader of an ended run waits for a log that cannot be reached."""
_END_GRACE_SECONDS = 1.0
"""Between the commit of a run's end and its END, a writer needs a moment."""
_STATUS_LIMIT_SECONDS = 2.0
_SPREAD_SECONDS = 2.0
"""After a reconnect all readers look at their rows, but not all at once."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The run is over, and its END is not in the log; or the thread has been deleted."""


ReaderItem = FrameBatch | Gap | Ended


class Reader:
    """The state of one `follow`: its position, and when it next reads the log and the row."""

    def __init__(
        self,
        log: EventLog,
        stream: UUID,
        run_id: UUID | None,
        cursor: Cursor,
        has_ended: LooksAtRow,
        has_begun: LooksAtRow | None,
        status_every: float,
        log_patience: float | None,
        end_epoch: int,
        begins_after: EventId | None,
    ) -> None:
        self._log = log
        self._stream = stream
        self._run_id = run_id
        # Epochs begin at 1: an id of epoch 0 stands before everything.
        self._cursor = "start" if isinstance(cursor, EventId) and cursor.epoch == 0 else cursor
        self._has_ended = has_ended
        self._has_begun = has_begun
        self._status_every = status_every
        self._log_patience = _LOG_PATIENCE_SECONDS if log_patience is None else log_patience
        self._end_epoch = end_epoch
        self._begins_after = begins_after
        self._position = Position(run_id, end_epoch)
        self._located = False
        self._behind = True
        self._concluding = False
        self._log_failed = False
        self._held: Sequence[Frame] = ()
        self._row_ended = False
        self._joined_late = False
        self._checks = 0
        self._patience_ends = inf
        self._end_awaited_until = inf
        self.read_at = 0.0
        self.check_at = 0.0
        self.done = False

    def expect_from_the_beginning(self, now: float) -> None:
        self.check_at = now + self._status_every
        self._checks = 1
        if self._cursor == "start":
            self._located = True
            self._caught_up()

    def take_whole(self, batch: FrameBatch) -> bool:
        """The fast path: the batch follows and can be handed on untouched."""
        if self._behind or not self._position.take_whole(batch):
            return False
        self.done = self._position.ended
        return True

    def take(self, batch: FrameBatch) -> list[FrameBatch | Gap]:
        """Place what follows; what does not waits for the log to be read."""
        if self._behind:
            return []  # the log is about to be read, and has these frames too
        items, self._held = self._position.place(batch.frames, authoritative=False)
        if self._held:
            self._read_soon()
        self.done = self._position.ended
        return items

    def heed(self, hint: Literal["dirty", "nudged"], now: float) -> None:
        if hint == DIRTY:
            self._position.anywhere = False
            self._read_soon()
        if not self._row_ended:
            wait = 0.0 if hint == NUDGED else random.uniform(0, _SPREAD_SECONDS)
            self.check_at = min(self.check_at, now + wait)

    def _read_soon(self) -> None:
        """What comes next in the queue cannot be placed before the log was read."""
        self._behind = True
        self.read_at = 0.0

    def _caught_up(self) -> None:
        self._behind = False
        self.read_at = inf

    async def check_row(self, now: float) -> None:
        """Ask whether the run is over; either way, look into the log for what nobody announced."""
        self._checks += 1
        self._row_ended = await self._ask_row()
        if self._row_ended:
            self._joined_late = self._checks == 1
            self._patience_ends = now + self._log_patience
            self._end_awaited_until = now + _END_GRACE_SECONDS
            self.check_at = inf
        else:
            self.check_at = now + self._status_every * random.uniform(0.9, 1.1)
        if self._row_ended or self._checks > 1:
            self.read_at = min(self.read_at, now)

    async def _ask_row(self) -> bool:
        try:
            async with asyncio.timeout(_STATUS_LIMIT_SECONDS):
                return await self._has_ended()
        except Exception as error:
            whose = self._run_id or self._stream
            log.warning("cannot tell whether %s has ended: %r", whose, error)
            return False

    async def read_log(self, clock: Callable[[], float]) -> list[ReaderItem]:
        """Take one step towards the log's top: find the position, or read a page."""
        try:
            if not self._located:
                return list(await self._locate())
            if self._concluding:
                return await self._conclude(clock())
            return await self._read_page()
        except ConnectionError as error:
            return self._without_log(error, clock())  # the attempt may have taken its time

    async def _locate(self) -> list[Gap]:
        gaps: list[Gap] = []
        if isinstance(self._cursor, EventId):
            self._position.move_to(self._cursor)
            self._position.at_boundary = False
        elif isinstance(self._cursor, Now):
            gaps = self._stand_at(self._cursor.top)
        elif self._cursor == "now":
            gaps = self._stand_at(await self._log.top(self._stream))
        elif self._run_id is not None:
            gaps = await self._locate_start()
        self._position.begin_after(self._begins_after)
        self._located = True
        return gaps

    def _stand_at(self, top: EventId | None) -> list[Gap]:
        self._position.move_to(top)
        self._position.anywhere = top is None and not self._log_failed
        if not self._log_failed:
            self._caught_up()
        elif top is not None:
            # What was appended while the log could not be reached may be among what was asked for.
            return [Gap(None, top)]
        return []

    async def _locate_start(self) -> list[Gap]:
        top = await self._log.top(self._stream)
        first = await self._first_of_run()
        if first is None:
            self._position.move_to(top)
            if not self._log_failed:
                self._caught_up()
            return []
        self._position.move_to(first.prev)
        return [Gap(None, first.prev)] if first.id.k > 0 else []

    async def _read_page(self) -> list[ReaderItem]:
        page = await self._log.read(self._stream, self._position.last)
        items: list[ReaderItem] = list(self._place(page.frames))
        if page.more:
            self._read_soon()
            return items
        held, self._held = self._held, ()
        items += self._place(held)
        self._caught_up()
        if self._row_ended:
            self._concluding = True
            self.read_at = 0.0
        return items

    async def _conclude(self, now: float) -> list[ReaderItem]:
        """The row says that it is over, all of the log was read, and there was no END."""
        if self._run_id is None:
            self.done = True
            return [Ended()]
        begun = await self._run_has_begun()
        owed = await self._may_be_owed_events(begun=begun)
        if owed and begun and now < self._end_awaited_until:
            self._concluding = False
            self.read_at = self._end_awaited_until
            return []
        self.done = True
        return [Gap(self._position.last, None), Ended()] if owed else [Ended()]

    def _place(self, frames: Sequence[Frame]) -> list[FrameBatch | Gap]:
        items, _ = self._position.place(frames, authoritative=True)
        self.done = self._position.ended
        return items

    def _without_log(self, error: ConnectionError, now: float) -> list[ReaderItem]:
        log.debug("the log of %s cannot be read: %s", self._stream, error)
        self._log_failed = True
        self._held = ()
        self._behind = True
        self.read_at = now + _LOG_RETRY_SECONDS
        if not self._row_ended:
            soon = _ROW_EVERY_WITHOUT_LOG_SECONDS * random.uniform(0.9, 1.1)
            self.check_at = min(self.check_at, now + soon)
        if now < self._patience_ends:
            return []
        self.done = True
        return [Gap(self._position.last, None), Ended()]

    async def _may_be_owed_events(self, *, begun: bool) -> bool:
        """Whether this reader should perhaps have got more than it did."""
        if self._position.seen or not self._joined_late:
            return begun
        if isinstance(self._cursor, EventId):
            return not await self._is_end_of_run(self._cursor)
        return self._cursor == "start"

    async def _run_has_begun(self) -> bool:
        """As the log says, or the row: of a run that the log has nothing of, all may be lost."""
        if self._position.seen or await self._first_of_run() is not None:
            return True
        if self._has_begun is None:
            return False
        try:
            async with asyncio.timeout(_STATUS_LIMIT_SECONDS):
                return await self._has_begun()
        except Exception as error:
            log.warning("cannot tell whether %s has begun: %r", self._run_id, error)
            return True

    async def _first_of_run(self) -> Frame | None:
        assert self._run_id is not None
        return await self._log.first_of_run(self._stream, self._run_id)

    async def _is_end_of_run(self, id: EventId) -> bool:
        page = await self._log.read(self._stream, id.before(), limit=1)
        return any(
            frame.id == id and frame.kind is FrameKind.END and frame.run_id == self._run_id
            for frame in page.frames
            if id.epoch >= self._end_epoch
        )
