"""What a stream tells of a run that has not begun."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from joinstream.domain.queue_position import QueuePosition
from joinstream.errors import Unavailable
from joinstream.services.waiting import telling_position
from joinstream.streams.join import Ended, Heartbeat, StreamItem

BEAT, EVENT = Heartbeat(), Ended()
NEVER = 3600.0


def place(ahead: int) -> QueuePosition:
    return QueuePosition("thread", ahead, None)


class Looks:
    """Answers in turn; one look more is a mistake."""

    def __init__(self, *answers: QueuePosition | Exception | None) -> None:
        self._left = iter(answers)
        self.began = asyncio.Event()

    async def __call__(self) -> QueuePosition | None:
        self.began.set()
        answer = next(self._left)
        if isinstance(answer, Exception):
            raise answer
        return answer


async def told(
    items: Sequence[StreamItem], look: Looks, *, patience: float = 0
) -> list[StreamItem | QueuePosition]:
    """What a reader gets. Without patience, nothing arrives before the first look."""

    async def arriving() -> AsyncIterator[StreamItem]:
        if not patience:
            await look.began.wait()
        for item in items:
            yield item

    return [item async for item in telling_position(arriving(), look, patience=patience)]


async def test_a_run_that_begins_in_time_is_not_even_looked_for() -> None:
    assert await told([EVENT, BEAT, EVENT], Looks(), patience=NEVER) == [EVENT, BEAT, EVENT]


async def test_one_that_waits_is_told_its_place_at_once_and_again_when_it_has_changed() -> None:
    answers = Looks(place(2), place(2), place(1), place(1))
    assert await told([BEAT, BEAT, BEAT, EVENT, BEAT], answers) == [
        place(2),
        BEAT,
        BEAT,
        place(1),
        BEAT,
        EVENT,
        BEAT,
    ]


async def test_one_that_has_begun_meanwhile_is_told_nothing() -> None:
    assert await told([BEAT, EVENT], Looks(None, None)) == [BEAT, EVENT]


async def test_heartbeats_go_on_while_the_place_cannot_be_read() -> None:
    answers = Looks(Unavailable("away"), Unavailable("away"), place(1))
    assert await told([BEAT, BEAT, EVENT], answers) == [BEAT, BEAT, place(1), EVENT]


async def test_a_heartbeat_within_the_patience_is_no_reason_to_look() -> None:
    assert await told([BEAT, BEAT, EVENT], Looks(), patience=NEVER) == [BEAT, BEAT, EVENT]


async def test_a_stream_that_ends_at_once_ends() -> None:
    assert await told([], Looks(None)) == []


async def test_a_reader_that_leaves_while_the_run_waits_leaves_nothing_behind() -> None:
    begun = asyncio.Event()
    left = asyncio.Event()

    async def quiet() -> AsyncIterator[StreamItem]:
        try:
            begun.set()
            await asyncio.Event().wait()
            yield EVENT
        finally:
            left.set()

    reading = asyncio.ensure_future(anext(telling_position(quiet(), Looks(), patience=NEVER)))
    await begun.wait()
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    await left.wait()
