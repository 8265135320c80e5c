"""The queue, when the connection breaks before or after any one of its statements.

Callers do what they do in the server: a worker asks again, or leaves it to whoever finds the lease
expired; a client whose creation was not confirmed looks whether it was made, or makes it.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import count
from typing import Any, TypeVar

import asyncpg
import pytest

from joinstream.domain.ids import RunId, ThreadId, new_thread_id
from joinstream.domain.run_record import NewRun, Run
from joinstream.errors import Unavailable
from joinstream.ports.runs import CancelRequest, Ending
from joinstream.store.database import Database
from joinstream.store.pool import create_pool
from joinstream.store.runs import PostgresRuns
from tests.support.postgres import PostgresForTests
from tests.support.queue import ALICE, BOB, expire_leases, new_run
from tests.support.statement_proxy import Fault, StatementProxy, statement_proxy

T = TypeVar("T")


class Caller:
    """Uses a queue whose Postgres may be away for a moment."""

    def __init__(self, runs: PostgresRuns, direct: asyncpg.Pool) -> None:
        self._runs = runs
        self._direct = direct

    async def create(self, new: NewRun) -> None:
        try:
            await self._runs.create(new, None)
        except Unavailable:
            if await self._insist(lambda: self._runs.get(None, new.run_id, visible=None)) is None:
                await self._insist(lambda: self._runs.create(new, None))

    async def claim(self) -> Run:
        claimed = await self._insist(lambda: self._runs.claim(ALICE, 1))
        if not claimed:  # it was claimed, and nobody knows
            await expire_leases(self._direct)
            claimed = await self._insist(lambda: self._runs.take_over(BOB, 1))
        return claimed[0]

    async def renew(self, run: Run) -> dict[RunId, CancelRequest | None]:
        return await self._insist(lambda: self._runs.renew([(run.run_id, run.epoch)], 30))

    async def finish(self, run: Run, ending: Ending) -> str:
        return (await self._insist(lambda: self._runs.finish(run, ending))).outcome

    async def _insist(self, act: Callable[[], Awaitable[T]]) -> T:
        while True:
            try:
                return await act()
            except Unavailable:
                continue


async def live_through_two_runs(caller: Caller) -> ThreadId:
    """Two runs on a thread, the second created while the first executes; both are executed."""
    thread_id = new_thread_id()
    first, second = new_run(thread_id), new_run(thread_id)
    await caller.create(first)
    executing = await caller.claim()
    assert executing.run_id == first.run_id
    await caller.create(second)
    assert await caller.renew(executing) == {first.run_id: None}
    assert await caller.finish(executing, Ending("success", output=1, values=[1])) == "finished"
    executing = await caller.claim()
    assert executing.run_id == second.run_id
    failure = {"error": "E", "message": "m"}
    failed = Ending("error", error=failure, values=[1, 2], thread_error=failure)
    assert await caller.finish(executing, failed) == "finished"
    assert await caller.renew(executing) == {}
    return thread_id


async def what_is_left(pool: asyncpg.Pool, thread_id: ThreadId) -> Any:
    runs = await pool.fetch(
        """select status, blocked, result::text, error, lease_until, cancel_action from runs
        where thread_id = $1 order by run_id""",
        thread_id,
    )
    threads = await pool.fetch(
        """select status, active_run, "values", interrupts, error from threads
        where thread_id = $1""",
        thread_id,
    )
    return [tuple(row) for row in runs], [tuple(row) for row in threads]


@pytest.fixture(scope="module")
async def backends(
    postgres: PostgresForTests,
) -> AsyncIterator[tuple[StatementProxy, asyncpg.Pool, asyncpg.Pool]]:
    """A proxy, a pool that goes around it, and one that goes through it."""
    uri = await postgres.fresh_database()
    async with statement_proxy(uri) as proxy:
        direct = await create_pool(uri, max_size=2)
        through = await create_pool(proxy.uri, max_size=2)
        yield proxy, direct, through
        through.terminate()
        await direct.close()
    await postgres.drop_database(uri)


@pytest.mark.parametrize("fault", ["lost", "unanswered"])
async def test_runs_end_as_they_should_wherever_the_connection_breaks(
    backends: tuple[StatementProxy, asyncpg.Pool, asyncpg.Pool], fault: Fault
) -> None:
    proxy, direct, through = backends
    proxy.be_whole()
    undisturbed = Caller(PostgresRuns(Database(direct)), direct)
    wanted = await what_is_left(direct, await live_through_two_runs(undisturbed))
    assert [status for status, *_ in wanted[0]] == ["success", "error"]

    caller = Caller(PostgresRuns(Database(through)), direct)
    for number in count(1):
        proxy.strike_at(number, fault)
        thread_id = await live_through_two_runs(caller)
        assert await what_is_left(direct, thread_id) == wanted, f"at statement {number}"
        if not proxy.struck.is_set():
            break
    assert number > 8  # each of the calls above was struck
