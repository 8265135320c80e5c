"""Reading a thread's events, of all its runs: from the log's start, and then for good."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from joinstream.domain.access import Filter
from joinstream.domain.events import EventId, Frame, FrameBatch
from joinstream.domain.ids import RunId, ThreadId
from joinstream.domain.run_record import Run
from joinstream.domain.runs import is_terminal
from joinstream.errors import NotFound
from joinstream.event_streaming.filters import ChannelFilter
from joinstream.event_streaming.sequence import seq_of
from joinstream.event_streaming.timeline import Timeline, Told
from joinstream.event_streaming.tree import AgentTree
from joinstream.ports import EventHub, EventLog, Subscription
from joinstream.ports.access import Access
from joinstream.ports.runs import RunStore
from joinstream.ports.threads import ThreadStore
from joinstream.services.watched_past import WatchedPast, When
from joinstream.streams.join import Cursor, Gap, Heartbeat, Now, follow


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """What was in the log when the stream was opened has been told."""


EventItem = list[Told] | Gap | Heartbeat | CaughtUp


@dataclass(slots=True)
class ThreadEvents:
    """The use case of following a thread."""

    runs: RunStore
    threads: ThreadStore
    events: EventLog
    hub: EventHub
    access: Access
    heartbeat_seconds: float = 5.0
    past: WatchedPast = field(init=False)

    def __post_init__(self) -> None:
        self.past = WatchedPast(self.threads)

    async def open(self, thread_id: ThreadId, *, from_now: bool = False) -> "EventStream":
        """Follow a thread, which may be one that a first run has yet to create.

        From the start of its log, or `from_now` on.
        Raises NotFound for what the caller may not see; who may see but some threads, sees only
        those that are there.
        """
        asked = {"thread_id": thread_id, "metadata": {}}
        visible = await self.access.authorize("threads", "read", asked)
        thread = await self.threads.get(thread_id, visible)
        if visible is not None and thread is None:
            raise NotFound(f"Thread {thread_id} does not exist.")
        earliest = thread.before_first_event if thread is not None else None
        async with AsyncExitStack() as stack:
            subscription = await stack.enter_async_context(self.hub.subscribe(thread_id))
            try:
                top = await self.events.top(thread_id)
            except ConnectionError:
                top = None
            cursor: Cursor = Now(top) if from_now else "start"
            if top is not None and earliest is not None and top <= earliest:
                top = None
            return EventStream(
                self, thread_id, visible, earliest, top, cursor, subscription, stack.pop_all()
            )

    async def tree(self, thread_id: ThreadId, run: Run) -> dict[str, Any]:
        """Which graphs take part in a run, as far as the log tells: of a classic run its own."""
        thread = await self.threads.get(thread_id, None)
        asks = bool(thread and thread.interrupts)
        tree, after = AgentTree(run.run_id, run.graph_id, run.status, asks=asks), None
        while True:
            page = await self.events.read(thread_id, after)
            for frame in page.frames:
                tree.read(frame)
            if not page.more:
                return tree.root
            after = page.frames[-1].id

    async def top_seq(self, thread_id: ThreadId) -> int:
        """The number of the newest event; 0 when there is none, or nobody can tell."""
        try:
            top = await self.events.top(thread_id)
        except ConnectionError:
            return 0
        return seq_of(top) if top is not None else 0


class EventStream:
    """An open subscription to a thread's events; `close` it when done. `top` is where the log ended
    when it was opened, None when it was empty. `earliest`: before it lies what is another thread's.
    """

    def __init__(
        self,
        parts: ThreadEvents,
        thread_id: ThreadId,
        visible: Filter,
        earliest: EventId | None,
        top: EventId | None,
        cursor: Cursor,
        subscription: Subscription,
        stack: AsyncExitStack,
    ) -> None:
        self.top = top
        self._parts = parts
        self._thread_id = thread_id
        self._visible = visible
        self._earliest = earliest
        self._cursor = cursor
        self._subscription = subscription
        self._stack = stack
        self._timeline = Timeline(replays=True)
        self._look_at_runs = False
        self._awaited: set[UUID] = set()
        self._unannounced: set[UUID] = set()
        self._last_run: Run | None = None

    @property
    def last(self) -> EventId | None:
        """The last frame that was read."""
        return self._timeline.last

    async def close(self) -> None:
        await self._stack.aclose()

    async def items_for(
        self, asked: ChannelFilter, *, may_wait: bool = True
    ) -> AsyncIterator[EventItem]:
        """What a subscription gets of `items`.

        Who only watches how runs go is told how the last one ended when WatchedPast says so. It
        says it at once, or never, when nothing `may_wait`.
        """
        replayed: list[Told] | None = [] if asked.only_watches and asked.since is None else None
        kept: list[Told] = []
        clock, late_at = asyncio.get_running_loop().time, 0.0
        async for item in self.items():
            if isinstance(item, list) and replayed is not None:
                replayed += [told for told in item if told.is_wanted(asked)]
            elif isinstance(item, list):
                wanted = [told for told in item if self.sends(told, asked)]
                kept = [] if wanted else kept
                yield wanted
            elif isinstance(item, CaughtUp) and replayed is not None:
                when = await self._when_to_tell(replayed)
                if when == "now" or (when == "later" and not may_wait):
                    yield self._noted(replayed)
                kept = replayed if when == "later" and may_wait else []
                replayed, late_at = None, clock() + self._parts.past.later_seconds
                yield item
            else:
                if isinstance(item, Heartbeat) and kept and clock() >= late_at:
                    kept, late = [], kept
                    yield [] if await self._another_run_came() else self._noted(late)
                yield item

    def sends(self, told: Told, asked: ChannelFilter) -> bool:
        """Whether a subscription gets what happens now."""
        wanted = told.is_wanted(asked)
        if wanted and asked.only_watches:
            self._parts.past.note(told)
        return wanted

    def _noted(self, past: list[Told]) -> list[Told]:
        for told in past:
            self._parts.past.note(told)
        return past

    async def _when_to_tell(self, replayed: Sequence[Told]) -> When:
        if not replayed or self._last_run is None:
            return "now"
        return await self._parts.past.when(self._thread_id, replayed[-1], self._last_run)

    async def _another_run_came(self) -> bool:
        newest = await self._newest_run()
        known = self._last_run
        if newest is None or known is None:
            return False
        return (newest.run_id, newest.status) != (known.run_id, known.status)

    async def items(self) -> AsyncIterator[EventItem]:
        """What happens on the thread, until it is gone for who may see but some threads: the next
        one of its name may be somebody else's.
        """
        timeline = self._timeline
        if self.top is None or self._cursor != "start":
            yield await self._settle()
            yield CaughtUp()
        async for item in follow(
            self._parts.events,
            self._subscription,
            stream=self._thread_id,
            run_id=None,
            cursor=self._cursor,
            has_ended=self._is_out_of_sight,
            heartbeat=self._parts.heartbeat_seconds,
            begins_after=self._earliest,
        ):
            if isinstance(item, FrameBatch):
                yield await self._read(item.frames)
            elif isinstance(item, Gap | Heartbeat):
                yield item
            if timeline.replays and await self._has_caught_up(item):
                yield await self._settle()
                yield CaughtUp()
            elif isinstance(item, Heartbeat) and self._look_at_runs:
                yield await self._ends_nobody_announced()

    async def _read(self, frames: Sequence[Frame]) -> list[Told]:
        told: list[Told] = []
        for frame in frames:
            if (run_id := self._timeline.left_open_by(frame)) is not None:
                run = await self._parts.runs.get(self._thread_id, RunId(run_id), None)
                if run is None or is_terminal(run.status):
                    ends = await self._end_of(run_id, run, is_last=False)
                    told += [end._replace(stale=self._timeline.replays) for end in ends]
            told += self._timeline.read([frame], _now())
        return told

    async def _has_caught_up(self, item: object) -> bool:
        """At the latest when there is nothing more to read: a log may become shorter, or be out of
        reach.
        """
        last = self._timeline.last
        if last is not None and self.top is not None and last >= self.top:
            return True
        if not isinstance(item, Heartbeat):
            return False
        try:
            after = last or self._earliest
            return not (await self._parts.events.read(self._thread_id, after, limit=1)).frames
        except ConnectionError:
            return True

    async def _is_out_of_sight(self) -> bool:
        """Asked now and then, and whenever something has changed: a time to look at runs too."""
        self._look_at_runs = True
        if self._visible is None:
            return False
        return await self._parts.threads.get(self._thread_id, self._visible) is None

    async def _newest_run(self) -> Run | None:
        found = await self._parts.runs.search(self._thread_id, status=None, limit=1, offset=0)
        return found[0] if found else None

    async def _settle(self) -> list[Told]:
        """The replay is over: how the last run ended is told, unless another one follows it."""
        timeline, newest = self._timeline, await self._newest_run()
        timeline.replays = False
        if newest is None:
            return list(timeline.let_go(stale=False))
        self._last_run = newest
        has_begun_since = timeline.last is not None and newest.epoch > timeline.last.epoch
        told = list(timeline.let_go(stale=has_begun_since or not is_terminal(newest.status)))
        if has_begun_since or not is_terminal(newest.status):
            self._awaited.add(newest.run_id)  # its frames may come, or may have been dropped
        elif newest.started_at is None:
            told += await self._end_of(newest.run_id, newest)
        return told

    async def _ends_nobody_announced(self) -> list[Told]:
        """The ends of runs that were cancelled before they began, or whose worker died just then.

        They are made up at the second look: at the first, the announcement may be on its way.
        """
        self._look_at_runs = False
        timeline, newest = self._timeline, await self._newest_run()
        if newest is not None and (newest.started_at is None or not is_terminal(newest.status)):
            self._awaited.add(newest.run_id)
        if timeline.run is not None:
            self._awaited.add(timeline.run.run_id)
        self._awaited -= timeline.ended
        told: list[Told] = []
        for run_id in self._awaited:
            run = await self._parts.runs.get(self._thread_id, RunId(run_id), None)
            if run is not None and not is_terminal(run.status):
                continue
            if run_id in self._unannounced:
                told += await self._end_of(run_id, run)
            else:
                self._unannounced.add(run_id)
                self._look_at_runs = True
        return told

    async def _end_of(self, run_id: UUID, run: Run | None, *, is_last: bool = True) -> list[Told]:
        """How a run ended; one that is gone was rolled back. What the thread asks, its last run
        has asked.
        """
        status = run.status if run is not None else "rollback"
        error = (run.error or {"message": run.cancel_reason}) if run else None
        thread = await self._parts.threads.get(self._thread_id, None)
        asked = thread.interrupts if thread and is_last and status == "success" else {}
        epoch = run.epoch if run is not None else None
        questions = list(_each(asked))
        at = int(run.ended_at.timestamp() * 1000) if run and run.ended_at else _now()
        return list(self._timeline.make_up_end(run_id, epoch, status, error, questions, at))


def _each(interrupts: dict[str, list[dict[str, object]]]) -> Iterator[dict[str, object]]:
    for of_task in interrupts.values():
        yield from of_task


def _now() -> int:
    return time.time_ns() // 1_000_000
