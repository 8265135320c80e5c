import asyncio
from uuid import UUID, uuid4

import pytest

from joinstream.services.shared_looks import SharedLooks


class Row:
    """Counts the looks at it; each takes until `answer` is called."""

    def __init__(self) -> None:
        self.value = 0
        self.looks = 0
        self._open = asyncio.Semaphore(0)

    async def look(self, _: UUID) -> int:
        self.looks += 1
        seen = self.value
        await self._open.acquire()
        if seen < 0:
            raise LookupError
        return seen

    def answer(self) -> None:
        self._open.release()


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_those_who_ask_at_once_share_a_look() -> None:
    row, id = Row(), uuid4()
    looks = SharedLooks(row.look)
    asking = [asyncio.create_task(looks.of(id)) for _ in range(1000)]
    await settled()
    row.answer()
    assert await asyncio.gather(*asking) == [0] * 1000
    assert row.looks == 1


async def test_an_answer_is_never_older_than_its_question() -> None:
    row, id = Row(), uuid4()
    looks = SharedLooks(row.look)
    early = asyncio.create_task(looks.of(id))
    await settled()
    row.value = 1
    late = [asyncio.create_task(looks.of(id)) for _ in range(3)]
    await settled()
    row.answer()
    row.answer()
    assert (await early, await asyncio.gather(*late)) == (0, [1] * 3)
    assert row.looks == 2


async def test_different_rows_are_looked_at_at_the_same_time() -> None:
    row = Row()
    looks = SharedLooks(row.look)
    asking = [asyncio.create_task(looks.of(uuid4())) for _ in range(3)]
    await settled()
    assert row.looks == 3
    for _ in asking:
        row.answer()
    await asyncio.gather(*asking)


async def test_one_who_gives_up_takes_the_answer_from_nobody() -> None:
    row, id = Row(), uuid4()
    looks = SharedLooks(row.look)
    first, second = (asyncio.create_task(looks.of(id)) for _ in range(2))
    await settled()
    first.cancel()
    await settled()
    row.answer()
    assert await second == 0


async def test_a_look_that_fails_fails_for_its_own_askers_alone() -> None:
    row, id = Row(), uuid4()
    looks = SharedLooks(row.look)
    row.value = -1
    failing = asyncio.create_task(looks.of(id))
    await settled()
    row.value = 5
    later = asyncio.create_task(looks.of(id))
    row.answer()
    row.answer()
    with pytest.raises(LookupError):
        await failing
    assert await later == 5
