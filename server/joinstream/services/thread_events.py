"""Reading a thread's events, of all its runs: from the log's start, and then for good."""

import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from joinstream.domain.access import Filter
from joinstream.domain.events import EventId, FrameBatch
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
from joinstream.streams.join import Cursor, Gap, Heartbeat, Now, follow

_MOST_NOTES = 10_000
_PATIENCE = timedelta(seconds=3)
_PATIENCE_WITH_NEW_THREADS = timedelta(seconds=30)
"""Who started a run and now opens a stream to see it end does so within this time. Python's client
does it in this order on threads that its run has made, and the other way round on others."""


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
    _told_to_watchers: dict[UUID, None] = field(default_factory=dict)

    async def open(self, thread_id: ThreadId, *, from_now: bool = False) -> "EventStream":
        """Follow a thread, which may be one that a first run has yet to create.

        From the start of its log, or `from_now` on.
        Raises NotFound for what the caller may not see; who may see but some threads, sees only
        those that are there.
        """
        asked = {"thread_id": thread_id, "metadata": {}}
        visible = await self.access.authorize("threads", "read", asked)
        if visible is not None and await self.threads.get(thread_id, visible) is None:
            raise NotFound(f"Thread {thread_id} does not exist.")
        async with AsyncExitStack() as stack:
            subscription = await stack.enter_async_context(self.hub.subscribe(thread_id))
            try:
                top = await self.events.top(thread_id)
            except ConnectionError:
                top = None
            cursor: Cursor = Now(top) if from_now else "start"
            return EventStream(self, thread_id, visible, top, cursor, subscription, stack.pop_all())

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

    def notes(self, run_id: UUID) -> bool:
        """Note that a watcher learns of a run's completion; whether one has before."""
        known = run_id in self._told_to_watchers
        self._told_to_watchers[run_id] = None
        if len(self._told_to_watchers) > _MOST_NOTES:
            del self._told_to_watchers[next(iter(self._told_to_watchers))]
        return known

    async def top_seq(self, thread_id: ThreadId) -> int:
        """The number of the newest event; 0 when there is none, or nobody can tell."""
        try:
            top = await self.events.top(thread_id)
        except ConnectionError:
            return 0
        return seq_of(top) if top is not None else 0


class EventStream:
    """An open subscription to a thread's events; `close` it when done. `top` is where the log ended
    when it was opened, None when it was empty.
    """

    def __init__(
        self,
        parts: ThreadEvents,
        thread_id: ThreadId,
        visible: Filter,
        top: EventId | None,
        cursor: Cursor,
        subscription: Subscription,
        stack: AsyncExitStack,
    ) -> None:
        self.top = top
        self._parts = parts
        self._thread_id = thread_id
        self._visible = visible
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

    async def items_for(self, asked: ChannelFilter) -> AsyncIterator[EventItem]:
        """What a subscription gets of `items`.

        Who only watches how runs go may be about to start one, as Python's client does, and would
        take the end of the run before for its own. To such a watcher the past is left out when its
        last run was completed, and that is known or long ago.
        """
        waiting: list[Told] | None = [] if asked.only_watches and asked.since is None else None
        async for item in self.items():
            if isinstance(item, list) and waiting is not None:
                waiting += [told for told in item if told.is_wanted(asked)]
            elif isinstance(item, list):
                yield [told for told in item if self.sends(told, asked)]
            else:
                if isinstance(item, CaughtUp) and waiting is not None:
                    yield [] if await self._are_past(waiting) else waiting
                    waiting = None
                yield item

    def sends(self, told: Told, asked: ChannelFilter) -> bool:
        """Whether a subscription gets what happens now."""
        wanted = told.is_wanted(asked)
        if wanted and asked.only_watches and told.completes is not None:
            self._parts.notes(told.completes)
        return wanted

    async def _are_past(self, replayed: Sequence[Told]) -> bool:
        completed = replayed[-1].completes if replayed else None
        run = self._last_run
        if completed is None or self._parts.notes(completed):
            return completed is not None
        if run is None or run.ended_at is None:
            return False
        thread = await self._parts.threads.get(self._thread_id, None)
        made_by_run = thread is not None and thread.created_at == run.created_at
        age = datetime.now(UTC) - run.ended_at
        return age > (_PATIENCE_WITH_NEW_THREADS if made_by_run else _PATIENCE)

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
        ):
            if isinstance(item, FrameBatch):
                yield list(timeline.read(item.frames, _now()))
            elif isinstance(item, Gap | Heartbeat):
                yield item
            if timeline.replays and self._has_caught_up(item):
                yield await self._settle()
                yield CaughtUp()
            elif isinstance(item, Heartbeat) and self._look_at_runs:
                yield await self._ends_nobody_announced()

    def _has_caught_up(self, item: object) -> bool:
        last = self._timeline.last
        return isinstance(item, Heartbeat) or (
            last is not None and self.top is not None and last >= self.top
        )

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
        if not is_terminal(newest.status):
            self._awaited.add(newest.run_id)
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

    async def _end_of(self, run_id: UUID, run: Run | None) -> list[Told]:
        """How a run ended; one that is gone was rolled back."""
        status = run.status if run is not None else "rollback"
        error = (run.error or {"message": run.cancel_reason}) if run else None
        thread = await self._parts.threads.get(self._thread_id, None)
        asked = thread.interrupts if thread is not None and status == "success" else {}
        epoch = run.epoch if run is not None else None
        questions = list(_each(asked))
        told = self._timeline.make_up_end(run_id, epoch, status, error, questions, _now())
        return list(told)


def _each(interrupts: dict[str, list[dict[str, object]]]) -> Iterator[dict[str, object]]:
    for of_task in interrupts.values():
        yield from of_task


def _now() -> int:
    return time.time_ns() // 1_000_000
