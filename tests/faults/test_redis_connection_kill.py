"""Runs are followed while the connections that carry their events are being killed all the time.

Runs have two attempts; the first goes on writing as a zombie, and appends are repeated as if their
replies had been lost. Nearly a third of the runs end without an END. Readers join at random
moments, from the start or from now on. `JOINSTREAM_TEST_SEED` repeats a test.
"""

import asyncio
import os
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from redis.asyncio import Redis

from joinstream.domain.events import EventId, Frame, FrameKind
from joinstream.streams.join import Cursor, Gap, Now, follow
from tests.support.redis import RedisServer
from tests.support.streams import KEPT, Reader, Row, StreamParts, frames, redis_parts

RUNS = 240
RUNS_AT_ONCE = 24
READERS_PER_RUN = 5
KILL_EVERY_SECONDS = 0.03


@dataclass
class ChaoticRun:
    """One run's two writers, and what became of its readers."""

    parts: StreamParts
    dice: random.Random
    stream: UUID = field(default_factory=uuid4)
    run: UUID = field(default_factory=uuid4)
    row: Row = field(default_factory=Row)
    from_start: list[Reader] = field(default_factory=list)
    from_now: list[Reader] = field(default_factory=list)

    async def play(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._write())
            for _ in range(READERS_PER_RUN):
                group.create_task(self._follow())

    async def _write(self) -> None:
        first = frames(1, range(self.dice.randint(2, 25)), self.run)
        second = frames(self.dice.randint(2, 4), range(self.dice.randint(2, 25)), self.run)
        taken_over_at = self.dice.randint(1, len(first))
        await self._append(first[:taken_over_at])
        async with asyncio.TaskGroup() as group:
            group.create_task(self._append(second))
            group.create_task(self._append(first[taken_over_at:]))
        self.row.ended = True
        if self.dice.random() < 0.7:
            last = second[-1].id
            await self._append([frame_after(last, self.run)])

    async def _append(self, batch: list[Frame]) -> None:
        """In pieces and with pauses; some pieces twice, as after a lost reply."""
        while batch:
            count = self.dice.randint(1, 4)
            for _ in range(1 + (self.dice.random() < 0.2)):
                await self.parts.log.append(self.stream, batch[:count], KEPT)
            batch = batch[count:]
            await asyncio.sleep(self.dice.uniform(0, 0.02))

    async def _follow(self) -> None:
        await asyncio.sleep(self.dice.uniform(0, 0.3))
        from_start = self.dice.random() < 0.5
        async with self.parts.hub.subscribe(self.stream) as subscription:
            cursor: Cursor = "start" if from_start else Now(await self.parts.log.top(self.stream))
            items = follow(
                self.parts.log,
                subscription,
                stream=self.stream,
                run_id=self.run,
                cursor=cursor,
                has_ended=self.row.has_ended,
                status_every=0.2,
            )
            reader = await Reader(items).finish()
        (self.from_start if from_start else self.from_now).append(reader)

    async def check(self) -> int:
        """Hold what every reader got against the log; returns how many events that were."""
        page = await self.parts.log.read(self.stream, None, limit=1_000)
        truth = [str(frame.id) for frame in page.frames]
        assert _is_whole(page.frames), f"the log itself has a hole or a zombie: {truth}"
        for reader in self.from_start:
            assert reader.ids == truth
        for reader in self.from_now:
            assert reader.ids == truth[len(truth) - len(reader.ids) :]
        for reader in (*self.from_start, *self.from_now):
            _assert_only_a_missing_end_is_announced(reader, page.frames[-1])
        return sum(len(reader.ids) for reader in (*self.from_start, *self.from_now))


def frame_after(id: EventId, run: UUID) -> Frame:
    return frames(id.epoch, [id.k + 1], run, end=True)[0]


def _is_whole(log: list[Frame]) -> bool:
    before = None
    for frame in log:
        if frame.prev != before:
            return False
        before = frame.id
    return True


def _assert_only_a_missing_end_is_announced(reader: Reader, last: Frame) -> None:
    if last.kind is FrameKind.END:
        assert not reader.gaps
    else:
        assert reader.got_synthetic_end
        assert reader.gaps in ([], [Gap(last.id, None)])


@asynccontextmanager
async def killing_connections(server: RedisServer) -> AsyncIterator[list[int]]:
    """Yields how many each stroke killed."""
    killed: list[int] = []
    enough = asyncio.Event()

    async def kill() -> None:
        while not enough.is_set():
            await asyncio.sleep(KILL_EVERY_SECONDS)
            killed.append(await client.client_kill_filter(_type="pubsub"))

    async with Redis.from_url(server.url) as client, asyncio.TaskGroup() as group:
        group.create_task(kill())
        try:
            yield killed
        finally:
            enough.set()


async def test_no_gap_duplicate_disorder_or_hang_while_connections_are_killed(
    own_redis_server: RedisServer,
) -> None:
    seed = int(os.environ.get("JOINSTREAM_TEST_SEED", random.randrange(2**32)))
    print(f"JOINSTREAM_TEST_SEED={seed}")
    dice = random.Random(seed)
    slots = asyncio.Semaphore(RUNS_AT_ONCE)

    async with redis_parts(own_redis_server) as parts:

        async def one_run(seed: int) -> int:
            async with slots:
                run = ChaoticRun(parts, random.Random(seed))
                await run.play()
                return await run.check()

        async with (
            killing_connections(own_redis_server) as killed,
            asyncio.TaskGroup() as group,
        ):
            runs = [group.create_task(one_run(dice.randrange(2**32))) for _ in range(RUNS)]
    delivered = sum(run.result() for run in runs)
    print(f"{delivered} events delivered, {sum(killed)} connections killed")
    assert delivered > RUNS * READERS_PER_RUN
    assert sum(killed) > 30
