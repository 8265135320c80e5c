"""Whatever happens in whatever order, the queue keeps its invariants (migrations 0004 and 0010)."""

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from joinstream.domain.caps import Caps
from joinstream.domain.ids import RunId, ThreadId, new_thread_id
from joinstream.domain.run_record import NewRun, Run, RunKey
from joinstream.domain.runs import RunStatus, may_move
from joinstream.ports.runs import Created, Ending
from joinstream.store.database import Database
from joinstream.store.pool import create_pool
from joinstream.store.runs import CreationRules, PostgresRuns
from tests.support.postgres import PostgresForTests
from tests.support.queue import ALICE, BOB, expire_leases, new_run

STEPS = st.one_of(
    st.tuples(
        st.just("create"),
        st.integers(0, 2),
        st.sampled_from(["enqueue", "reject", "interrupt", "rollback"]),
        st.booleans(),
        st.sampled_from([0, 0, 0, 3600]),
        st.sampled_from([None, None, "a", "b"]),
        st.sampled_from([None, "k", "l"]),
        st.sampled_from([0, 0, 5]),
    ),
    st.tuples(st.just("create_together"), st.integers(1, 3), st.sampled_from([None, "a", "c"])),
    st.tuples(st.just("claim"), st.sampled_from(["alice", "bob"]), st.integers(1, 3)),
    st.tuples(st.just("finish"), st.sampled_from(["success", "error", "interrupted"])),
    st.tuples(st.just("set_aside")),
    st.tuples(st.just("retry"), st.integers(0, 9)),
    st.tuples(st.just("release")),
    st.tuples(st.just("cancel"), st.sampled_from(["interrupt", "rollback"]), st.integers(0, 9)),
    st.tuples(st.just("crash"), st.sampled_from(["alice", "bob"])),
    st.tuples(st.just("due")),
    st.tuples(st.just("poll")),
)
CAPS = st.sampled_from([None, Caps(per_key=1), Caps(per_key=1, per_assistant=2)])


MOST_PENDING = 6


@pytest.fixture(scope="module")
async def pool(postgres: PostgresForTests) -> AsyncIterator[asyncpg.Pool]:
    uri = await postgres.fresh_database()
    pool = await create_pool(uri)
    yield pool
    await pool.close()


class Scenario:
    """Plays steps against the queue and remembers what it has seen."""

    def __init__(self, pool: asyncpg.Pool, caps: Caps | None) -> None:
        self.pool = pool
        self.caps = caps
        self.workers = {who.worker: replace(who, caps=caps) for who in (ALICE, BOB)}
        self.runs = PostgresRuns(Database(pool), CreationRules(most_pending=MOST_PENDING))
        self.threads: list[ThreadId] = [new_thread_id() for _ in range(3)]
        self.leased: list[Run] = []
        self.ended: list[Run] = []
        self.seen: dict[RunId, tuple[RunStatus, int, int]] = {}
        self.keys: dict[str, tuple[bytes, list[RunId]]] = {}

    async def play(self, step: tuple[object, ...]) -> None:
        await getattr(self, step[0])(*step[1:])  # type: ignore[call-overload]  # its first is a method's name
        await self.check()

    async def create(
        self,
        thread: int,
        strategy: str,
        claims: bool,
        delay: float,
        key: str | None,
        concurrency_key: str | None,
        priority: int,
    ) -> None:
        options: dict[str, object] = {
            "multitask_strategy": strategy,
            "delay_seconds": delay,
            "concurrency_key": concurrency_key,
            "priority": priority,
        }
        new = new_run(self.threads[thread], **options)
        run_key = RunKey(key, repr((thread, options)).encode()) if key else None
        claimant = ALICE if claims and self.caps is None else None
        created = await self.runs.create(new, claimant, run_key)
        if created.outcome == "claimed" and created.run:
            self.leased.append(created.run)
        await self._check_creation([new], [created], run_key)

    async def create_together(self, count: int, key: str | None) -> None:
        new = [new_run() for _ in range(count)]
        run_key = RunKey(key, repr(count).encode()) if key else None
        await self._check_creation(new, await self.runs.create_together(new, run_key), run_key)

    async def _check_creation(
        self, new: list[NewRun], created: list[Created], key: RunKey | None
    ) -> None:
        """All or none were created, no more than may be, and for a key only once."""
        if key is not None and key.text in self.keys:
            fingerprint, run_ids = self.keys[key.text]
            if fingerprint != key.fingerprint:
                assert [one.outcome for one in created] == ["key_reused"]
                return
            for run_id, one in zip(run_ids, created, strict=True):
                exists = await self.runs.get(None, run_id, visible=None)
                assert one == Created("repeated" if exists else "gone", exists, run_id)
            return
        made = [one.run.run_id for one in created if one.run is not None]
        assert made in ([], [one.run_id for one in new])
        pending = await self.pool.fetchval("select count(*) from runs where status = 'pending'")
        if made:
            assert pending <= MOST_PENDING
            if key is not None:
                self.keys[key.text] = (key.fingerprint, made)
        elif created[0].outcome == "queue_full":
            assert pending + len(new) > MOST_PENDING

    async def claim(self, who: str, slots: int) -> None:
        ended, self.ended = self.ended, []
        self.leased += await self.runs.claim(self.workers[who], slots, ended)

    async def poll(self) -> None:
        await self.runs.open_held(self.workers["alice"])

    async def finish(self, status: str, *, set_aside: bool = False) -> None:
        if self.leased:
            run = self.leased.pop(0)
            ending = Ending(status, set_aside=set_aside)  # type: ignore[arg-type]
            finished = await self.runs.finish(run, ending)
            if finished.cancel and finished.outcome == "cancelled":
                await self.runs.finish(run, Ending("interrupted"))
            self.ended.append(run)

    async def set_aside(self) -> None:
        await self.finish("error", set_aside=True)

    async def retry(self, which: int) -> None:
        if run_id := await self._some_run(which, "where set_aside_at is not null"):
            await self.runs.retry(run_id)

    async def release(self) -> None:
        if self.leased:
            run = self.leased.pop()
            await self.runs.release(run)
            self.ended.append(run)

    async def cancel(self, action: str, which: int) -> None:
        if run_id := await self._some_run(which):
            await self.runs.cancel(run_id, action, "test")  # type: ignore[arg-type]

    async def _some_run(self, which: int, among: str = "") -> RunId | None:
        rows = await self.pool.fetch(f"select run_id from runs {among} order by run_id")
        return rows[which % len(rows)]["run_id"] if rows else None

    async def crash(self, successor: str) -> None:
        """Every worker stops for longer than its lease; the zombies stay in `leased`."""
        await expire_leases(self.pool)
        self.leased += await self.runs.take_over(self.workers[successor], 10)

    async def due(self) -> None:
        await self.pool.execute("update runs set run_after = now() where status = 'pending'")

    async def check(self) -> None:
        threads = await self.pool.fetch("select * from threads")
        for thread in threads:
            rows = await self.pool.fetch(
                "select * from runs where thread_id = $1", thread["thread_id"]
            )
            running = [row["run_id"] for row in rows if row["status"] == "running"]
            pending = [row for row in rows if row["status"] == "pending"]
            assert running == ([thread["active_run"]] if thread["active_run"] else [])
            assert (thread["status"] == "busy") == bool(running or pending)
            if pending and not running:
                assert any(not row["blocked"] for row in pending), "nothing can ever be claimed"
            for row in rows:
                self._check_run(row, thread["epoch"])
        self._check_caps(await self.pool.fetch("select * from runs"))

    def _check_caps(self, rows: list[asyncpg.Record]) -> None:
        caps = (self.caps or Caps()).by_kind()
        executing = Counter(
            lane for row in rows if row["status"] == "running" for lane in lanes(row)
        )
        for lane, count in executing.items():
            assert count <= caps.get(lane.partition(":")[0], count), f"{lane}: {count} execute"
        for row in rows:
            if row["held_by"] and row["status"] == "pending":
                assert row["held_by"].partition(":")[0] in caps
                assert row["held_by"] in lanes(row)
                assert not row["blocked"]

    def _check_run(self, row: asyncpg.Record, thread_epoch: int) -> None:
        status, attempt, epoch = row["status"], row["attempt"], row["epoch"]
        before = self.seen.get(row["run_id"])
        if before is not None:
            assert before[0] == status or may_move(before[0], status)
            assert epoch >= before[2]
        assert epoch <= thread_epoch
        if status == "running":
            assert epoch == thread_epoch
        self.seen[row["run_id"]] = (status, attempt, epoch)


def lanes(row: asyncpg.Record) -> set[str]:
    of_key = {f"key:{row['concurrency_key']}"} if row["concurrency_key"] else set()
    return {f"assistant:{row['assistant_id']}", *of_key}


UNHURRIED = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


async def played(
    pool: asyncpg.Pool, steps: list[tuple[object, ...]], caps: Caps | None
) -> Scenario:
    """An empty queue after these steps."""
    await pool.execute("truncate runs, threads, run_keys cascade")
    scenario = Scenario(pool, caps)
    for step in steps:
        await scenario.play(step)
    return scenario


@settings(UNHURRIED, max_examples=100)
@given(steps=st.lists(STEPS, max_size=30), caps=CAPS)
async def test_any_sequence_of_acts_keeps_the_queue_whole(
    pool: asyncpg.Pool, steps: list[tuple[object, ...]], caps: Caps | None
) -> None:
    await played(pool, steps, caps)


@settings(UNHURRIED, max_examples=40)
@given(steps=st.lists(STEPS, max_size=20), caps=CAPS)
async def test_after_anything_all_that_is_pending_can_still_be_executed(
    pool: asyncpg.Pool, steps: list[tuple[object, ...]], caps: Caps | None
) -> None:
    scenario = await played(pool, steps, caps)
    await scenario.due()
    for _ in range(60):
        await scenario.poll()
        await scenario.claim("alice", 10)
        await scenario.crash("bob")
        while scenario.leased:
            await scenario.finish("success")
    left = await pool.fetchval("select count(*) from runs where status in ('pending', 'running')")
    assert left == 0
