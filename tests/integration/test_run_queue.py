"""What the queue promises, asked of a real Postgres."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import asyncpg
import pytest

from joinstream.domain.ids import new_thread_id
from joinstream.domain.run_record import NewRun, Run
from joinstream.ports.runs import Ending
from joinstream.store.database import Database
from joinstream.store.pool import create_pool
from joinstream.store.runs import PostgresRuns
from tests.support.queue import ALICE, BOB, expire_leases, new_run

SUCCESS = Ending("success", output={"done": True}, values={"done": True})


@pytest.fixture
async def pool(database_uri: str) -> AsyncIterator[asyncpg.Pool]:
    pool = await create_pool(database_uri)
    yield pool
    await pool.close()


@pytest.fixture
def runs(pool: asyncpg.Pool) -> PostgresRuns:
    return PostgresRuns(Database(pool))


async def thread_status(pool: asyncpg.Pool, thread_id: object) -> str:
    status: str = await pool.fetchval("select status from threads where thread_id = $1", thread_id)
    return status


async def test_a_run_goes_from_pending_to_success(runs: PostgresRuns, pool: asyncpg.Pool) -> None:
    new = new_run(new_thread_id())
    await runs.create(new, None)
    assert await thread_status(pool, new.thread_id) == "busy"

    (claimed,) = await runs.claim(ALICE, 5)
    assert (claimed.run_id, claimed.attempt) == (new.run_id, 1)
    assert (await runs.finish(claimed, SUCCESS)).outcome == "finished"

    assert await runs.status(new.run_id) == "success"
    assert await thread_status(pool, new.thread_id) == "idle"


async def test_a_stateless_run_leaves_no_thread_behind(
    runs: PostgresRuns, pool: asyncpg.Pool
) -> None:
    created = await runs.create(new_run(), ALICE)
    assert created.outcome == "claimed"
    assert created.run is not None
    await runs.finish(created.run, SUCCESS)
    assert await pool.fetchval("select count(*) from threads") == 0


async def test_runs_of_one_thread_execute_one_after_another_in_their_order(
    runs: PostgresRuns,
) -> None:
    thread_id = new_thread_id()
    wanted = [new_run(thread_id) for _ in range(4)]
    for new in wanted:
        await runs.create(new, None)

    executed = []
    while claimed := await runs.claim(ALICE, 10):
        assert await runs.claim(BOB, 10) == []
        executed += claimed
        await runs.finish(claimed[0], SUCCESS)
    assert [run.run_id for run in executed] == [new.run_id for new in wanted]
    epochs = [run.epoch for run in executed]
    assert epochs == list(range(epochs[0], epochs[0] + 4))


async def test_a_thread_with_a_backlog_does_not_hold_up_other_threads(runs: PostgresRuns) -> None:
    busy = new_thread_id()
    for _ in range(50):
        await runs.create(new_run(busy), None)
    other = new_run(new_thread_id())
    await runs.create(other, None)

    claimed = await runs.claim(ALICE, 2)
    assert {run.thread_id for run in claimed} == {busy, other.thread_id}


async def test_a_delayed_run_does_not_block_later_runs_and_waits_while_one_executes(
    runs: PostgresRuns, pool: asyncpg.Pool
) -> None:
    thread_id = new_thread_id()
    delayed = new_run(thread_id, delay_seconds=3600)
    await runs.create(delayed, None)
    prompt = new_run(thread_id)
    await runs.create(prompt, None)

    (running,) = await runs.claim(ALICE, 10)
    assert running.run_id == prompt.run_id
    await pool.execute("update runs set run_after = now() where run_id = $1", delayed.run_id)
    assert await runs.claim(ALICE, 10) == []
    await runs.finish(running, SUCCESS)
    assert [run.run_id for run in await runs.claim(ALICE, 10)] == [delayed.run_id]


async def test_two_workers_that_claim_at_once_never_get_the_same_run(
    runs: PostgresRuns,
) -> None:
    for _ in range(60):
        await runs.create(new_run(), None)
    claims = await asyncio.gather(*(runs.claim(who, 7) for who in (ALICE, BOB) * 6))
    taken = [run.run_id for claim in claims for run in claim]
    assert len(taken) == len(set(taken)) == 60


async def test_reject_names_the_run_in_the_way_and_creates_nothing(runs: PostgresRuns) -> None:
    thread_id = new_thread_id()
    first = new_run(thread_id)
    await runs.create(first, None)
    second = new_run(thread_id, multitask_strategy="reject")
    created = await runs.create(second, None)
    assert (created.outcome, created.other_run) == ("busy", first.run_id)
    assert await runs.get(None, second.run_id, None) is None


async def test_interrupt_ends_pending_runs_at_once_and_asks_the_running_one_to_stop(
    runs: PostgresRuns,
) -> None:
    thread_id = new_thread_id()
    running, pending = new_run(thread_id), new_run(thread_id)
    first = (await runs.create(running, ALICE)).run
    assert first
    await runs.create(pending, None)
    newest = new_run(thread_id, multitask_strategy="interrupt")
    created = await runs.create(newest, ALICE)

    assert (created.outcome, created.other_run) == ("created", running.run_id)
    assert await runs.status(pending.run_id) == "interrupted"
    asked = (await runs.renew([(first.run_id, first.epoch)], 30))[first.run_id]
    assert asked is not None
    assert asked.action == "interrupt"
    assert await runs.claim(BOB, 5) == []


async def test_rollback_of_a_pending_run_leaves_the_thread_idle(
    runs: PostgresRuns, pool: asyncpg.Pool
) -> None:
    new = new_run(new_thread_id())
    await runs.create(new, None)
    assert await runs.cancel(new.run_id, "rollback", "test") == "cancelled"
    assert await runs.get(None, new.run_id, None) is None
    assert await thread_status(pool, new.thread_id) == "idle"


async def test_cancelling_the_first_pending_run_lets_the_second_be_claimed(
    runs: PostgresRuns,
) -> None:
    thread_id = new_thread_id()
    first, second = new_run(thread_id), new_run(thread_id)
    await runs.create(first, None)
    await runs.create(second, None)
    await runs.cancel(first.run_id, "interrupt", "test")
    assert [run.run_id for run in await runs.claim(ALICE, 5)] == [second.run_id]


async def test_a_run_that_has_seen_two_workers_die_is_taken_alone_by_an_idle_worker(
    runs: PostgresRuns, pool: asyncpg.Pool
) -> None:
    suspects = [new_run().run_id, new_run().run_id]
    for run_id in suspects:
        await runs.create(new_run(run_id=run_id), ALICE)
    await expire_leases(pool)
    assert len(await runs.take_over(BOB, 5)) == 2
    innocent = new_run()
    await runs.create(innocent, BOB)
    await expire_leases(pool)

    (first,) = await runs.take_over(ALICE, 5, idle=False)
    assert first.run_id == innocent.run_id
    (second,) = await runs.take_over(ALICE, 5)
    (third,) = await runs.take_over(ALICE, 5)
    assert {second.run_id, third.run_id} == set(suspects)
    assert (second.attempt, third.attempt) == (3, 3)


async def test_a_suspect_is_taken_by_a_busy_worker_when_no_other_came_for_a_minute(
    runs: PostgresRuns, pool: asyncpg.Pool
) -> None:
    new = new_run()
    await runs.create(new, ALICE)
    await pool.execute("update runs set attempt = 2, lease_until = now() - interval '59 s'")
    assert await runs.take_over(BOB, 5, idle=False) == []
    await pool.execute("update runs set lease_until = now() - interval '61 s'")
    (taken,) = await runs.take_over(BOB, 5, idle=False)
    assert taken.run_id == new.run_id


async def test_an_expired_lease_is_taken_over_and_fences_the_first_worker(
    runs: PostgresRuns, pool: asyncpg.Pool
) -> None:
    new = new_run(new_thread_id())
    created = await runs.create(new, ALICE)
    assert created.run is not None
    assert await runs.take_over(BOB, 5) == []
    await expire_leases(pool)
    (taken,) = await runs.take_over(BOB, 5)

    assert (taken.attempt, taken.epoch) == (2, created.run.epoch + 1)
    assert (await runs.finish(created.run, SUCCESS)).outcome == "lost"
    assert await runs.renew([(new.run_id, created.run.epoch)], 30) == {}
    assert not await runs.release(created.run)
    assert (await runs.finish(taken, SUCCESS)).outcome == "finished"


async def test_finishing_twice_is_the_same_as_once(runs: PostgresRuns) -> None:
    created = await runs.create(new_run(new_thread_id()), ALICE)
    assert created.run is not None
    assert (await runs.finish(created.run, SUCCESS)).outcome == "finished"
    assert (await runs.finish(created.run, SUCCESS)).outcome == "finished"


async def test_a_cancel_that_comes_before_success_wins(runs: PostgresRuns) -> None:
    created = await runs.create(new_run(new_thread_id()), ALICE)
    assert created.run is not None
    assert await runs.cancel(created.run.run_id, "interrupt", "stop") == "requested"
    finished = await runs.finish(created.run, SUCCESS)
    assert finished.outcome == "cancelled"
    assert finished.cancel is not None
    assert finished.cancel.reason == "stop"
    assert (await runs.finish(created.run, Ending("interrupted"))).outcome == "finished"


async def test_a_run_that_is_handed_back_has_spent_no_attempt_but_a_new_epoch(
    runs: PostgresRuns,
) -> None:
    created = await runs.create(new_run(new_thread_id()), ALICE)
    assert created.run is not None
    assert await runs.release(created.run)
    (again,) = await runs.claim(BOB, 5)
    assert (again.attempt, again.epoch) == (1, created.run.epoch + 1)
    assert (await runs.finish(created.run, SUCCESS)).outcome == "lost"


async def test_what_has_begun_goes_on_before_a_later_run_of_its_thread_whatever_the_priority(
    runs: PostgresRuns, pool: asyncpg.Pool
) -> None:
    thread_id = new_thread_id()
    begun = new_run(thread_id)
    first = (await runs.create(begun, ALICE)).run
    assert first is not None
    urgent = new_run(thread_id, delay_seconds=3600, priority=9)
    await runs.create(urgent, None)
    await pool.execute("update runs set run_after = now() where run_id = $1", urgent.run_id)
    await runs.release(first)

    (again,) = await runs.claim(BOB, 5)
    assert again.run_id == begun.run_id
    await runs.finish(again, SUCCESS)
    assert [run.run_id for run in await runs.claim(BOB, 5)] == [urgent.run_id]


async def test_runs_are_claimed_by_priority_then_age(runs: PostgresRuns) -> None:
    wanted = [new_run(priority=priority) for priority in (0, 5, -5, 5)]
    for new in wanted:
        await runs.create(new, None)
    claimed = [run.run_id for run in await runs.claim(ALICE, 5)]
    assert claimed == [wanted[place].run_id for place in (1, 3, 0, 2)]


def used_up() -> Ending:
    error = {"error": "RuntimeError", "message": "the worker died"}
    return Ending("error", error=error, thread_error=error, set_aside=True)


async def set_aside(runs: PostgresRuns, new: NewRun, attempts: int = 5) -> Run:
    """The run as its last worker had it."""
    run = (await runs.create(new, ALICE)).run
    assert run is not None
    for _ in range(attempts - 1):
        await runs.renew([(run.run_id, run.epoch)], -1)
        (run,) = await runs.take_over(BOB, 1)
    assert (await runs.finish(run, used_up())).outcome == "finished"
    return run


async def test_a_run_that_was_set_aside_is_retried_with_all_its_attempts(
    runs: PostgresRuns, pool: asyncpg.Pool
) -> None:
    new = new_run(new_thread_id())
    ended = await set_aside(runs, new)
    (found,) = await runs.set_aside(None, limit=10, offset=0)
    assert (found.run_id, found.status, found.attempt) == (new.run_id, "error", 5)
    assert await thread_status(pool, new.thread_id) == "error"

    assert await runs.retry(new.run_id) == "retried"
    assert await thread_status(pool, new.thread_id) == "busy"
    assert await runs.set_aside(None, limit=10, offset=0) == []
    (again,) = await runs.claim(ALICE, 5)
    assert (again.attempt, again.tries, again.epoch) == (6, 1, ended.epoch + 1)
    assert (again.error, again.ended_at) == (None, None)
    await runs.finish(again, SUCCESS)
    assert await thread_status(pool, new.thread_id) == "idle"


async def test_only_what_was_set_aside_can_be_retried(runs: PostgresRuns) -> None:
    new = new_run(new_thread_id())
    run = (await runs.create(new, ALICE)).run
    assert run is not None
    assert await runs.retry(new.run_id) == "not_set_aside"
    await runs.finish(run, Ending("error", error={"error": "E", "message": "m"}))
    assert await runs.retry(new.run_id) == "not_set_aside"
    assert await runs.retry(new_run().run_id) == "missing"
    await set_aside(runs, other := new_run(new_thread_id()))
    assert await runs.retry(other.run_id) == "retried"
    assert await runs.retry(other.run_id) == "not_set_aside"


async def test_a_run_whose_thread_has_moved_on_is_not_retried(runs: PostgresRuns) -> None:
    new = new_run(new_thread_id())
    await set_aside(runs, new)
    later = new_run(new.thread_id)
    await runs.create(later, None)
    (executing,) = await runs.claim(ALICE, 5)
    assert await runs.retry(new.run_id) == "overtaken"
    await runs.finish(executing, Ending("rollback"))
    assert await runs.retry(new.run_id) == "overtaken"


async def test_a_retried_run_goes_before_what_waits_on_its_thread(
    runs: PostgresRuns, pool: asyncpg.Pool
) -> None:
    new = new_run(new_thread_id())
    await set_aside(runs, new)
    await runs.create(waiting := new_run(new.thread_id, priority=9), None)
    assert await runs.retry(new.run_id) == "retried"
    (first,) = await runs.claim(ALICE, 5)
    assert first.run_id == new.run_id
    await runs.finish(first, SUCCESS)
    assert [run.run_id for run in await runs.claim(ALICE, 5)] == [waiting.run_id]


async def test_a_stateless_run_that_was_set_aside_is_not_swept(runs: PostgresRuns) -> None:
    new = new_run()
    await set_aside(runs, new)
    await runs.sweep(0, 0, 100)
    assert await runs.retry(new.run_id) == "retried"
    assert [run.run_id for run in await runs.claim(ALICE, 5)] == [new.run_id]


async def test_a_missing_thread_is_reported_unless_it_may_be_created(runs: PostgresRuns) -> None:
    created = await runs.create(new_run(new_thread_id(), create_thread=False), None)
    assert (created.outcome, created.run) == ("thread_missing", None)


async def test_sweeping_removes_ended_stateless_runs_only(
    runs: PostgresRuns, pool: asyncpg.Pool
) -> None:
    ended = (await runs.create(new_run(), ALICE)).run
    kept = (await runs.create(new_run(new_thread_id()), ALICE)).run
    active = (await runs.create(new_run(), ALICE)).run
    assert ended
    assert kept
    assert active
    await runs.finish(ended, SUCCESS)
    await runs.finish(kept, SUCCESS)
    await runs.sweep(0, 0, 100)

    assert await runs.get(None, ended.run_id, None) is None
    assert await runs.get(None, active.run_id, None) is not None
    remaining = await runs.result(kept.run_id)
    assert remaining is not None
    assert remaining.output is None


async def test_a_worker_leaves_runs_of_graphs_it_does_not_have_to_others(
    runs: PostgresRuns, pool: asyncpg.Pool
) -> None:
    new = new_run(graph_id="newer")
    await runs.create(new, None)
    assert await runs.claim(ALICE, 5) == []
    upgraded = replace(BOB, graph_ids=("echo", "newer"))
    assert [run.run_id for run in await runs.claim(upgraded, 5)] == [new.run_id]
    await expire_leases(pool)
    assert await runs.take_over(ALICE, 5) == []
