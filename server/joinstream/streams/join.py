"""The join algorithm: what a reader of a run or thread gets, from wherever it begins.

One generator serves every reader. It stands on three facts: the subscription was confirmed before
anything was read; an event is in the log before it is published; a run's terminal status is
committed before its END is appended. What the queue shows to be missing is read from the log; what
the log does not have is announced as a Gap; the end that nobody announced is found by looking at
the row, on the clock.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from joinstream.domain.events import EventId, FrameBatch
from joinstream.observe import metrics
from joinstream.ports import EventLog, Subscription
from joinstream.streams.position import Gap
from joinstream.streams.reader import Cursor, Ended, LooksAtRow, Now, Reader

__all__ = [
    "Cursor",
    "Ended",
    "FrameBatch",
    "Gap",
    "Heartbeat",
    "Now",
    "StreamItem",
    "follow",
    "now_in",
]


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """It is time to show the client that the connection lives."""


StreamItem = FrameBatch | Heartbeat | Gap | Ended
_HEARTBEAT: Final = Heartbeat()


async def now_in(log: EventLog, stream: UUID) -> Cursor:
    """Where a reader stands that wants what comes from now on, over a confirmed subscription."""
    try:
        return Now(await log.top(stream))
    except ConnectionError:
        return "now"


async def follow(
    log: EventLog,
    subscription: Subscription,
    *,
    stream: UUID,
    run_id: UUID | None,
    cursor: Cursor,
    has_ended: LooksAtRow,
    heartbeat: float = 5.0,
    status_every: float = 15.0,
    has_begun: LooksAtRow | None = None,
    is_new: bool = False,
    log_patience: float | None = None,
    end_epoch: int = 0,
    begins_after: EventId | None = None,
) -> AsyncIterator[StreamItem]:
    """Every frame after `cursor`, in order and once, over a subscription that is confirmed.

    Of a run: until its END, or until `has_ended` says that the row is terminal. Of a whole thread
    (`run_id` None): until `has_ended` says that there is none. `heartbeat` and `status_every` are
    seconds and kept by the clock, however busy the stream is. Neither an unreachable log nor a
    failing `has_ended` ends it.

    `has_begun`: whether an ended run was ever executed, so that its events are missing when the log
    has nothing of it; without it, such a run counts as one that never began.
    `is_new`: the run was created after the subscription was confirmed, so all of it will come by
    the subscription, and neither its row nor its log needs a first look. `log_patience`: seconds
    for which the reader of an ended run waits for a log out of reach, None for the usual ones.
    `end_epoch`: the run was retried, and how it ended before that epoch is left out.
    `begins_after`: what the log has from before is another thread's, which had the same id.
    """
    clock = asyncio.get_running_loop().time
    reader = Reader(
        log,
        stream,
        run_id,
        cursor,
        has_ended,
        has_begun,
        status_every,
        log_patience,
        end_epoch,
        begins_after,
    )
    if is_new:
        reader.expect_from_the_beginning(clock())
    beat_at = clock() + heartbeat
    with metrics.STREAM_READERS.track_inprogress():
        while not reader.done:
            now = clock()
            if now >= beat_at:
                beat_at = now + heartbeat
                metrics.STREAM_LAG.observe(subscription.waiting)
                yield _HEARTBEAT
            elif now >= reader.read_at:
                metrics.STREAM_CATCH_UPS.inc()
                for item in await reader.read_log(clock):
                    yield item
            elif now >= reader.check_at:
                await reader.check_row(now)
            else:
                due = min(beat_at, reader.read_at, reader.check_at)
                received = await subscription.receive(due - now)
                if isinstance(received, FrameBatch):
                    if reader.take_whole(received):
                        yield received
                    else:
                        for item in reader.take(received):
                            yield item
                elif received is not None:
                    reader.heed(received, clock())
