"""Caps on the runs that execute at a time: exact, in order, and a burden to nobody else."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from itertools import product
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from joinstream.domain.caps import Caps
from joinstream.domain.ids import AssistantId, RunId, new_thread_id
from joinstream.domain.run_record import Run
from joinstream.ports.runs import Claimant, Ending
from joinstream.store.database import Database
from joinstream.store.pool import create_pool
from joinstream.store.runs import PostgresRuns
from tests.support.queue import ALICE, BOB, expire_leases, new_run

SUCCESS = Ending("success")


def capped(claimant: Claimant, **caps: int) -> Claimant:
    return replace(claimant, caps=Caps(**caps))


@pytest.fixture
async def pool(database_uri: str) -> AsyncIterator[asyncpg.Pool]:
    pool = await create_pool(database_uri)
    yield pool
    await pool.close()


@pytest.fixture
def runs(pool: asyncpg.Pool) -> PostgresRuns:
    return PostgresRuns(Database(pool))


async def created(runs: PostgresRuns, count: int = 1, **options: Any) -> list[RunId]:
    new = [new_run(**options) for _ in range(count)]
    for run in new:
        await runs.create(run, None)
    return [run.run_id for run in new]


def ids(claimed: Sequence[Run]) -> list[RunId]:
    return [run.run_id for run in claimed]


async def claimed_until_none_is_left(runs: PostgresRuns, claimant: Claimant) -> list[Run]:
    """A claim looks at so many runs only, and gives what it has found by then."""
    claimed: list[Run] = []
    while more := await runs.claim(claimant, 10):
        claimed += more
    return claimed


async def held_by(pool: asyncpg.Pool) -> Counter[str]:
    rows = await pool.fetch(
        "select held_by from runs where status = 'pending' and held_by is not null"
    )
    return Counter(row["held_by"] for row in rows)


async def test_no_more_runs_of_a_key_execute_than_its_cap_and_the_next_follows_at_once(
    runs: PostgresRuns,
) -> None:
    alice = capped(ALICE, per_key=2)
    wanted = await created(runs, 4, concurrency_key="k")
    claimed = await runs.claim(alice, 10)
    assert ids(claimed) == wanted[:2]
    assert await runs.claim(alice, 10) == []

    await runs.finish(claimed[0], SUCCESS)
    (third,) = await runs.claim(alice, 10, [claimed[0]])
    assert third.run_id == wanted[2]


async def test_what_is_not_capped_is_neither_held_nor_hidden(runs: PostgresRuns) -> None:
    alice = capped(ALICE, per_key=1)
    first, *_ = await created(runs, 50, concurrency_key="k")
    others = await created(runs, 2) + await created(runs, 1, concurrency_key="other")
    assert ids(await runs.claim(alice, 10)) == [first, *others]


async def test_users_and_assistants_have_caps_of_their_own(runs: PostgresRuns) -> None:
    alice = capped(ALICE, per_assistant=2, per_user=1)
    one, _, _ = await created(runs, 3, user_id="one")
    (two,) = await created(runs, 1, user_id="two")
    await created(runs, 1, user_id="three")
    (elsewhere,) = await created(runs, 1, user_id="three", assistant_id=AssistantId(uuid4()))
    assert ids(await runs.claim(alice, 10)) == [one, two, elsewhere]


async def test_a_user_with_many_runs_leaves_a_capped_assistant_to_the_others(
    runs: PostgresRuns,
) -> None:
    alice = capped(ALICE, per_assistant=2, per_user=1)
    await created(runs, 1_200, user_id="greedy")
    modest = await created(runs, 2, user_id="modest")
    claimed = await claimed_until_none_is_left(runs, alice)
    assert [run.user_id for run in claimed] == ["greedy", "modest"]

    mine = claimed[1]
    await runs.finish(mine, SUCCESS)
    (second,) = await runs.claim(alice, 10, [mine])
    assert second.run_id == modest[1]


async def test_held_runs_that_would_take_a_place_in_vain_let_those_behind_them_pass(
    runs: PostgresRuns, pool: asyncpg.Pool
) -> None:
    alice = capped(ALICE, per_assistant=1, per_user=1)
    (blocker,) = await created(runs, 1, user_id="somebody")
    (executing,) = await runs.claim(alice, 10)
    await created(runs, 1_200, user_id="greedy")
    (modest,) = await created(runs, 1, user_id="modest")
    await claimed_until_none_is_left(runs, alice)
    assert set(await held_by(pool)) == {f"assistant:{executing.assistant_id}"}
    # elsewhere the user has all that they may have: none of their runs can use the free place
    await created(runs, 1, user_id="greedy", assistant_id=AssistantId(uuid4()))
    (other,) = await runs.claim(alice, 10)
    assert other.user_id == "greedy"

    await runs.finish(executing, SUCCESS)
    assert executing.run_id == blocker
    (next_one,) = await runs.claim(alice, 10, [executing])
    assert next_one.run_id == modest


async def test_held_runs_follow_by_priority_then_age(runs: PostgresRuns) -> None:
    alice = capped(ALICE, per_key=1)
    low = await created(runs, 2, concurrency_key="k")
    high = await created(runs, 2, concurrency_key="k", priority=5)
    executed: list[RunId] = []
    ended: list[Run] = []
    while claimed := await runs.claim(alice, 10, ended):
        await runs.finish(claimed[0], SUCCESS)
        executed += ids(claimed)
        ended = claimed
    assert executed == high + low


async def test_runs_behind_a_held_one_of_their_thread_wait_for_it(runs: PostgresRuns) -> None:
    alice = capped(ALICE, per_key=1)
    await created(runs, 1, concurrency_key="k")
    (executing,) = await runs.claim(alice, 10)
    thread_id = new_thread_id()
    first = new_run(thread_id, concurrency_key="k")
    second = new_run(thread_id)
    await runs.create(first, None)
    await runs.create(second, None)
    assert await runs.claim(alice, 10) == []

    await runs.finish(executing, SUCCESS)
    (then,) = await runs.claim(alice, 10, [executing])
    assert then.run_id == first.run_id
    await runs.finish(then, SUCCESS)
    (last,) = await runs.claim(alice, 10, [then])
    assert last.run_id == second.run_id


async def test_a_place_that_a_busy_thread_cannot_take_goes_to_the_next(runs: PostgresRuns) -> None:
    """A delayed run is held, then another run of its thread comes first."""
    alice = capped(ALICE, per_key=1)
    await created(runs, 1, concurrency_key="k")
    (executing,) = await runs.claim(alice, 10)
    thread_id = new_thread_id()
    await runs.create(new_run(thread_id, concurrency_key="k"), None)
    await runs.create(new_run(thread_id, delay_seconds=0.001), None)
    (behind,) = await created(runs, 1, concurrency_key="k")
    await asyncio.sleep(0.002)
    (of_thread,) = await runs.claim(alice, 10)
    assert of_thread.thread_id == thread_id

    await runs.finish(executing, SUCCESS)
    (next_one,) = await runs.claim(alice, 10, [executing])
    assert next_one.run_id == behind


async def test_a_cap_that_is_raised_or_removed_lets_go_what_it_held(
    runs: PostgresRuns, pool: asyncpg.Pool
) -> None:
    await created(runs, 6, concurrency_key="k")
    assert len(await runs.claim(capped(ALICE, per_key=1), 10)) == 1
    assert await runs.open_held(capped(ALICE, per_key=1)) == 0
    assert await runs.open_held(capped(ALICE, per_key=3)) == 2
    assert len(await runs.claim(capped(ALICE, per_key=3), 10)) == 2
    assert await runs.open_held(capped(ALICE, per_user=1)) == 3
    assert await held_by(pool) == Counter()
    await created(runs, 1, concurrency_key="k")
    assert len(await runs.claim(ALICE, 10)) == 4


async def test_more_held_runs_than_one_look_takes_are_let_go_look_by_look(
    runs: PostgresRuns, pool: asyncpg.Pool
) -> None:
    await created(runs, 1_300, concurrency_key="k")
    assert len(await runs.claim(capped(ALICE, per_key=1), 10)) == 1
    await runs.claim(capped(ALICE, per_key=1), 10)
    assert (await held_by(pool))["key:k"] == 1_299
    while await runs.open_held(ALICE):
        pass
    assert await held_by(pool) == Counter()


async def test_what_a_dead_worker_has_ended_is_found_on_the_clock(runs: PostgresRuns) -> None:
    alice = capped(ALICE, per_key=1)
    _, second = await created(runs, 2, concurrency_key="k")
    (executing,) = await runs.claim(alice, 1)
    assert await runs.claim(alice, 1) == []
    await runs.finish(executing, SUCCESS)
    bob = capped(BOB, per_key=1)
    assert await runs.open_held(bob) == 1
    assert ids(await runs.claim(bob, 1)) == [second]


async def test_a_run_whose_worker_died_keeps_its_place_until_it_is_over(
    runs: PostgresRuns, pool: asyncpg.Pool
) -> None:
    alice, bob = capped(ALICE, per_key=1), capped(BOB, per_key=1)
    _, second = await created(runs, 2, concurrency_key="k")
    await runs.claim(alice, 10)
    await expire_leases(pool)
    assert await runs.open_held(bob) == 0
    assert await runs.claim(bob, 10) == []
    (taken,) = await runs.take_over(bob, 10)
    assert await runs.claim(bob, 10) == []
    await runs.finish(taken, SUCCESS)
    assert ids(await runs.claim(bob, 10, [taken])) == [second]


async def test_a_run_that_is_handed_back_is_the_next(runs: PostgresRuns) -> None:
    alice = capped(ALICE, per_key=1)
    first, second = await created(runs, 2, concurrency_key="k")
    (executing,) = await runs.claim(alice, 10)
    assert await runs.claim(alice, 10) == []
    await runs.release(executing)
    (again,) = await runs.claim(capped(BOB, per_key=1), 10, [executing])
    assert again.run_id == first
    await runs.finish(again, SUCCESS)
    assert ids(await runs.claim(capped(BOB, per_key=1), 10, [again])) == [second]


async def test_a_held_run_can_be_cancelled(runs: PostgresRuns, pool: asyncpg.Pool) -> None:
    alice = capped(ALICE, per_key=1)
    _, second, third = await created(runs, 3, concurrency_key="k")
    (executing,) = await runs.claim(alice, 10)
    await runs.claim(alice, 10)
    assert await runs.cancel(second, "interrupt", "test") == "cancelled"
    await runs.finish(executing, SUCCESS)
    assert ids(await runs.claim(alice, 10, [executing])) == [third]
    assert await held_by(pool) == Counter()


async def test_workers_that_claim_and_end_at_once_keep_the_caps_and_leave_nothing_behind(
    runs: PostgresRuns, pool: asyncpg.Pool
) -> None:
    """Nobody polls: whatever waits has to be let go by whoever ends what it waits for."""
    await pool.execute(
        """
        create table moves (seq bigserial, run_id uuid, key text, user_id text, status text);
        create function note_move() returns trigger language plpgsql as $$
        begin
            insert into moves (run_id, key, user_id, status)
            values (new.run_id, new.concurrency_key, new.user_id, new.status);
            return null;
        end $$;
        create trigger note_move after update of status on runs
        for each row execute function note_move();
        """
    )
    caps = {"per_key": 2, "per_user": 3, "per_assistant": 5}
    for key, user in product("abc", "xyz"):
        await created(runs, 20, concurrency_key=key, user_id=user)

    async def work(number: int) -> None:
        me = capped(replace(ALICE, worker=str(number)), **caps)
        ended: list[Run] = []
        while True:
            claimed = await runs.claim(me, 1 + number % 3, ended)
            if not claimed:
                return
            await asyncio.gather(*(runs.finish(run, SUCCESS) for run in claimed))
            ended = claimed

    await asyncio.gather(*(work(number) for number in range(8)))
    assert await pool.fetchval("select count(*) from runs where status <> 'success'") == 0

    executing: Counter[str] = Counter()
    for move in await pool.fetch("select * from moves order by seq"):
        change = 1 if move["status"] == "running" else -1
        for lane in ("key " + move["key"], "user " + move["user_id"], "all"):
            executing[lane] += change
        assert executing["key " + move["key"]] <= 2
        assert executing["user " + move["user_id"]] <= 3
        assert executing["all"] <= 5
