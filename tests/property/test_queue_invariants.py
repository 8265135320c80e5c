"""Whatever happens in whatever order, the queue keeps its invariants (migration 0004)."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from joinstream.domain.ids import RunId, ThreadId, new_thread_id
from joinstream.domain.run_record import NewRun, Run, RunKey
from joinstream.domain.runs import RunStatus, may_move
from joinstream.ports.runs import Created, Ending
from joinstream.store.database import Database
from joinstream.store.pool import create_pool
from joinstream.store.runs import CreationRules, PostgresRuns
from tests.support.queue import ALICE, BOB, expire_leases, new_run

STEPS = st.one_of(
    st.tuples(
        st.just("create"),
        st.integers(0, 2),
        st.sampled_from(["enqueue", "reject", "interrupt", "rollback"]),
        st.booleans(),
        st.sampled_from([0, 0, 0, 3600]),
        st.sampled_from([None, None, "a", "b"]),
    ),
    st.tuples(st.just("create_together"), st.integers(1, 3), st.sampled_from([None, "a", "c"])),
    st.tuples(st.just("claim"), st.sampled_from([ALICE, BOB]), st.integers(1, 3)),
    st.tuples(st.just("finish"), st.sampled_from(["success", "error", "interrupted"])),
    st.tuples(st.just("release")),
    st.tuples(st.just("cancel"), st.sampled_from(["interrupt", "rollback"]), st.integers(0, 9)),
    st.tuples(st.just("crash"), st.sampled_from([ALICE, BOB])),
    st.tuples(st.just("due")),
)


MOST_PENDING = 6


@pytest.fixture(scope="module")
async def pool(postgres: object) -> AsyncIterator[asyncpg.Pool]:
    uri = await postgres.fresh_database()  # type: ignore[attr-defined]
    pool = await create_pool(uri)
    yield pool
    await pool.close()


class Scenario:
    """Plays steps against the queue and remembers what it has seen."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool
        self.runs = PostgresRuns(Database(pool), CreationRules(most_pending=MOST_PENDING))
        self.threads: list[ThreadId] = [new_thread_id() for _ in range(3)]
        self.held: list[Run] = []
        self.seen: dict[RunId, tuple[RunStatus, int, int]] = {}
        self.keys: dict[str, tuple[bytes, list[RunId]]] = {}

    async def play(self, step: tuple[object, ...]) -> None:
        await getattr(self, step[0])(*step[1:])  # type: ignore[call-overload]
        await self.check()

    async def create(
        self, thread: int, strategy: str, claims: bool, delay: float, key: str | None
    ) -> None:
        new = new_run(self.threads[thread], multitask_strategy=strategy, delay_seconds=delay)
        run_key = RunKey(key, repr((thread, strategy, delay)).encode()) if key else None
        created = await self.runs.create(new, ALICE if claims else None, run_key)
        if created.outcome == "claimed" and created.run:
            self.held.append(created.run)
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

    async def claim(self, who: object, slots: int) -> None:
        self.held += await self.runs.claim(who, slots)  # type: ignore[arg-type]

    async def finish(self, status: str) -> None:
        if self.held:
            run = self.held.pop(0)
            finished = await self.runs.finish(run, Ending(status))  # type: ignore[arg-type]
            if finished.cancel and finished.outcome == "cancelled":
                await self.runs.finish(run, Ending("interrupted"))

    async def release(self) -> None:
        if self.held:
            await self.runs.release(self.held.pop())

    async def cancel(self, action: str, which: int) -> None:
        rows = await self.pool.fetch("select run_id from runs order by run_id")
        if rows:
            run_id = rows[which % len(rows)]["run_id"]
            await self.runs.cancel(run_id, action, "test")  # type: ignore[arg-type]

    async def crash(self, successor: object) -> None:
        """Every worker stops for longer than its lease; the zombies stay in `held`."""
        await expire_leases(self.pool)
        self.held += await self.runs.take_over(successor, 10)  # type: ignore[arg-type]

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


UNHURRIED = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


async def played(pool: asyncpg.Pool, steps: list[tuple[object, ...]]) -> Scenario:
    """An empty queue after these steps."""
    await pool.execute("truncate runs, threads, run_keys cascade")
    scenario = Scenario(pool)
    for step in steps:
        await scenario.play(step)
    return scenario


@settings(UNHURRIED, max_examples=60)
@given(steps=st.lists(STEPS, max_size=25))
async def test_any_sequence_of_acts_keeps_the_queue_whole(
    pool: asyncpg.Pool, steps: list[tuple[object, ...]]
) -> None:
    await played(pool, steps)


@settings(UNHURRIED, max_examples=20)
@given(steps=st.lists(STEPS, max_size=15))
async def test_after_anything_all_that_is_pending_can_still_be_executed(
    pool: asyncpg.Pool, steps: list[tuple[object, ...]]
) -> None:
    scenario = await played(pool, steps)
    await scenario.due()
    for _ in range(60):
        await scenario.claim(ALICE, 10)
        await scenario.crash(BOB)
        while scenario.held:
            await scenario.finish("success")
    left = await pool.fetchval("select count(*) from runs where status in ('pending', 'running')")
    assert left == 0
