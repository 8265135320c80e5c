"""Why a join takes its steps in this order: every order of a writer's and a reader's steps.

First the readers that suggest themselves, as a model: how many orders break them, and how. Then the
real `follow`, against the same writers, with the writer's steps falling before any of its looks.
"""

import asyncio
from collections.abc import Iterator
from itertools import combinations_with_replacement
from uuid import UUID, uuid4

import pytest

from joinstream.domain.events import EventId, Frame, FrameBatch, FrameKind
from joinstream.ports import LogPage
from joinstream.streams import reader as reader_module
from joinstream.streams.join import Cursor, Ended, Gap, Now, StreamItem, follow
from joinstream.streams.memory import MemoryStreams
from joinstream.streams.reader_queue import Item, ReaderQueue
from tests.support.join_model import END, EVENTS, READERS, WRITERS, WriterStep, play_all
from tests.support.streams import KEPT, frame


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time passes here in milliseconds."""
    monkeypatch.setattr(reader_module, "_END_GRACE_SECONDS", 0.002)
    monkeypatch.setattr(reader_module, "_SPREAD_SECONDS", 0.0)


CLEAN: dict[str, int] = {}

TABLE = {
    ("row, then subscribe", "append, commit, end"): (56, {"gap": 34, "hang": 10}),
    ("row, then subscribe", "end before commit"): (56, {"gap": 40, "hang": 30}),
    ("row, then subscribe", "dies before end"): (35, {"gap": 25, "hang": 30}),
    ("row, then subscribe", "publishes before logging"): (165, {"gap": 121, "hang": 28}),
    ("subscribe, then row", "append, commit, end"): (21, CLEAN),
    ("subscribe, then row", "end before commit"): (21, {"hang": 1}),
    ("subscribe, then row", "dies before end"): (15, {"hang": 10}),
    ("subscribe, then row", "publishes before logging"): (45, CLEAN),
    ("log, then subscribe", "append, commit, end"): (56, {"gap": 31}),
    ("log, then subscribe", "end before commit"): (56, {"gap": 31, "hang": 4}),
    ("log, then subscribe", "dies before end"): (35, {"gap": 19, "hang": 20}),
    ("log, then subscribe", "publishes before logging"): (165, {"gap": 134}),
    ("subscribe, then log", "append, commit, end"): (56, {"duplicate": 31, "disorder": 16}),
    ("subscribe, then log", "end before commit"): (56, {"duplicate": 31, "disorder": 16}),
    ("subscribe, then log", "dies before end"): (
        35,
        {"duplicate": 19, "disorder": 9, "hang": 20},
    ),
    ("subscribe, then log", "publishes before logging"): (
        165,
        {"gap": 18, "duplicate": 70, "disorder": 27},
    ),
    ("subscribe, then log, merged", "append, commit, end"): (56, CLEAN),
    ("subscribe, then log, merged", "end before commit"): (56, CLEAN),
    ("subscribe, then log, merged", "dies before end"): (35, {"hang": 20}),
    ("subscribe, then log, merged", "publishes before logging"): (165, {"gap": 18}),
}


@pytest.mark.parametrize(("reader", "writer"), TABLE)
def test_how_many_orders_break_a_naive_reader(reader: str, writer: str) -> None:
    orders, faults = TABLE[reader, writer]
    assert play_all(WRITERS[writer], READERS[reader]) == {"orders": orders, **faults}


class Stage:
    """A log, a queue and a row, and a writer that takes its steps between a reader's looks.

    `schedule[i]` says how many steps are taken before the reader's look number i; later looks each
    have one more step before them. `lost` are events whose message never arrives. `restless`: the
    connection is lost and made again before every receive.
    """

    def __init__(
        self,
        writer: list[WriterStep],
        schedule: tuple[int, ...],
        lost: frozenset[str] = frozenset(),
        *,
        restless: bool = False,
    ) -> None:
        self._log = MemoryStreams()
        self._queue = ReaderQueue()
        self._writer = writer
        self._schedule = schedule
        self._lost = lost
        self._restless = restless
        self._looks = 0
        self._steps_taken = 0
        self._terminal = False
        self.times_told_of_the_end = 0
        self.stream = uuid4()
        self.run = uuid4()
        names = [*EVENTS, END]
        made = {name: frame(1, k, self.run) for k, name in enumerate(names)}
        made[END] = made[END]._replace(kind=FrameKind.END)
        self._frames: dict[str, Frame] = made

    @property
    def waiting(self) -> int:
        return self._queue.waiting

    async def top(self, stream: UUID) -> EventId | None:
        await self._before_a_look()
        return await self._log.top(stream)

    async def first_of_run(self, stream: UUID, run_id: UUID) -> Frame | None:
        await self._before_a_look()
        return await self._log.first_of_run(stream, run_id)

    async def read(self, stream: UUID, after: EventId | None, limit: int = 2) -> LogPage:
        await self._before_a_look()
        return await self._log.read(stream, after, limit=2)

    async def receive(self, timeout: float) -> Item | None:
        await self._before_a_look()
        if self._restless:
            self._queue.mark_dirty()
            await asyncio.sleep(0)
        return await self._queue.receive(timeout)

    async def has_ended(self) -> bool:
        await self._before_a_look()
        self.times_told_of_the_end += self._terminal
        return self._terminal

    async def _before_a_look(self) -> None:
        due = (
            self._schedule[self._looks]
            if self._looks < len(self._schedule)
            else self._steps_taken + 1
        )
        self._looks += 1
        while self._steps_taken < min(due, len(self._writer)):
            await self._take(self._writer[self._steps_taken])
            self._steps_taken += 1

    async def _take(self, step: WriterStep) -> None:
        what, event = step
        if what == "commit":
            self._terminal = True
            return
        written = self._frames[event]
        if what in ("log", "append"):
            await self._log.append(self.stream, [written], KEPT)
        if what in ("publish", "append") and event not in self._lost:
            self._queue.put(FrameBatch.of([written]))

    async def play(self, cursor: Cursor) -> list[StreamItem]:
        items = follow(
            self,  # type: ignore[arg-type]  # the parts of a log and a subscription that readers use
            self,
            stream=self.stream,
            run_id=self.run,
            cursor=cursor,
            has_ended=self.has_ended,
            status_every=0.001,
        )
        return [item async for item in items]


def schedules(writer: list[WriterStep], looks: int) -> Iterator[tuple[int, ...]]:
    """Every way in which the writer's steps can fall before the first so many looks."""
    return combinations_with_replacement(range(len(writer) + 1), looks)


def _received(items: list[StreamItem]) -> list[int]:
    return [f.id.k for item in items if isinstance(item, FrameBatch) for f in item.frames]


def _gaps(items: list[StreamItem]) -> list[Gap]:
    return [item for item in items if isinstance(item, Gap)]


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("cursor", ["start", EventId(1, 0)])
async def test_no_order_breaks_a_reader_that_replays(writer: str, cursor: Cursor) -> None:
    first = 0 if cursor == "start" else 1
    for schedule in schedules(WRITERS[writer], 5):
        items = await Stage(WRITERS[writer], schedule).play(cursor)
        received = _received(items)
        assert received in ([*range(first, 3)], [*range(first, 4)]), (schedule, items)
        assert received[-1] == 3 or isinstance(items[-1], Ended), (schedule, items)


@pytest.mark.parametrize("writer", WRITERS)
async def test_no_order_breaks_a_reader_from_now_on(writer: str) -> None:
    """Now is where the log's top was when it was looked at, which is the first look."""
    for schedule in schedules(WRITERS[writer], 5):
        stage = Stage(WRITERS[writer], schedule)
        top = await stage.top(stage.stream)
        items = await stage.play(Now(top))
        first = 0 if top is None else top.k + 1
        received = _received(items)
        assert received in ([*range(first, 3)], [*range(first, 4)]), (schedule, items)
        assert received[-1:] == [3] or isinstance(items[-1], Ended), (schedule, items)


@pytest.mark.parametrize("writer", WRITERS)
async def test_no_lost_messages_break_a_reader(writer: str) -> None:
    names = [*EVENTS, END]
    for chosen in range(2 ** len(names)):
        lost = frozenset(name for bit, name in enumerate(names) if chosen >> bit & 1)
        for schedule in schedules(WRITERS[writer], 2):
            items = await Stage(WRITERS[writer], schedule, lost).play("start")
            assert _received(items)[:3] == [0, 1, 2], (lost, schedule, items)
            assert _received(items)[-1] == 3 or isinstance(items[-1], Ended)


@pytest.mark.parametrize("writer", WRITERS)
async def test_a_queue_that_is_never_quiet_keeps_nobody_from_the_end(writer: str) -> None:
    for schedule in schedules(WRITERS[writer], 2):
        stage = Stage(WRITERS[writer], schedule, restless=True)
        items = await stage.play("start")
        assert _received(items)[:3] == [0, 1, 2], (schedule, items)
        assert _received(items)[-1] == 3 or isinstance(items[-1], Ended)
        assert stage.times_told_of_the_end <= 1, "asking again would put the end off again"


async def test_a_gap_is_announced_only_when_no_end_says_that_nothing_is_missing() -> None:
    for writer, steps in WRITERS.items():
        for schedule in schedules(steps, 4):
            items = await Stage(steps, schedule).play("start")
            if 3 in _received(items):
                assert not _gaps(items), (writer, schedule, items)
