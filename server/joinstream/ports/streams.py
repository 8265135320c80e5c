"""Streams: the event log, the hub that fans it out, and the nudges between processes."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, Protocol
from uuid import UUID

from joinstream.domain.events import EventId, Frame, FrameBatch


@dataclass(frozen=True, slots=True)
class Retention:
    """How long the log of a run is kept.

    `seconds` counts from the last write; `logged` False means: publish only, keep nothing.
    """

    seconds: float
    logged: bool = True


class LogPage(NamedTuple):
    """Frames in id order, and whether the log held more than the page does."""

    frames: list[Frame]
    more: bool


AppendOutcome = Literal["appended", "stale"]
"""`stale`: the log already holds a later epoch, so the writer is a zombie and must stop."""


class EventLog(Protocol):
    """The bounded log of each thread's events, and the publishing that goes with an append."""

    async def append(
        self, stream: UUID, frames: Sequence[Frame], retention: Retention
    ) -> AppendOutcome:
        """Append and publish a batch atomically; ids at or below the log's last are dropped.

        A frame whose k is 0 gets the log's top as its `prev`. Raises ConnectionError when the log
        cannot be reached.
        """
        ...

    async def read(self, stream: UUID, after: EventId | None, limit: int = 500) -> LogPage:
        """Frames with id > `after` (None: from the oldest still held)."""
        ...

    async def first_of_run(self, stream: UUID, run_id: UUID) -> Frame | None:
        """The oldest frame still held of a run; None when there is none."""
        ...

    async def top(self, stream: UUID) -> EventId | None:
        """Id of the newest entry, None when the log is empty or has expired."""
        ...

    async def touch(self, stream: UUID, retention: Retention) -> None:
        """Put off the expiry of a quiet run's log."""
        ...

    async def check(self) -> None:
        """Raises ConnectionError when events are not taken: away, full, or a replica."""
        ...

    async def nudge(self, stream: UUID) -> None:
        """Tell the stream's readers to look at the run's row now, because nobody appends an end.

        For a run that ends without a worker, such as a cancelled pending one, and for one whose
        end the log did not take. It may be lost.
        """
        ...


DIRTY: Final = "dirty"
"""What a subscription yields when events may have been missed: read the log."""

NUDGED: Final = "nudged"
"""What a subscription yields when a run's row may have become terminal: read the row."""


class Subscription(Protocol):
    """One reader's bounded queue of what is published on a stream."""

    async def receive(
        self, timeout: float
    ) -> FrameBatch | Literal["dirty"] | Literal["nudged"] | None:
        """The next published batch, DIRTY or NUDGED; None when `timeout` seconds passed."""
        ...

    @property
    def waiting(self) -> int:
        """How much is queued."""
        ...


class EventHub(Protocol):
    """Fans one connection's messages out to any number of readers in this process."""

    def subscribe(self, stream: UUID) -> AbstractAsyncContextManager[Subscription]:
        """Subscribe; entering returns only once the subscription is confirmed."""
        ...


class Signals(Protocol):
    """Nudges between processes; they may be lost, so listeners also look at Postgres on a clock."""

    async def wake_workers(self) -> None:
        """A run became claimable."""
        ...

    async def nudge_cancel(self, run_id: UUID) -> None:
        """A cancel request was written to this run's row."""
        ...

    def listen(self) -> AsyncIterator["Signal"]:
        """Every signal from now on, forever; reconnects by itself.

        Starts with a `wake`, and yields one after every reconnect: something may have been missed.
        """
        ...


class Signal(NamedTuple):
    """`run_id` is None for `wake`."""

    kind: Literal["wake", "cancel"]
    run_id: UUID | None
