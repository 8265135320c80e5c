"""A run's execution, when its worker's connection to Postgres breaks at any one statement."""

from collections.abc import AsyncIterator
from functools import partial

import pytest

from tests.support.api import TEST_GRAPHS, Api, running_api
from tests.support.postgres import PostgresForTests
from tests.support.redis import RedisServer
from tests.support.server import GRAPHS, READY_WORKER, ServerProcess
from tests.support.statement_proxy import StatementProxy, statement_proxy
from tests.support.waiting import eventually

STATEMENTS = 12
"""More than there are from a run's claim to its end, with those of a worker that looks for runs."""


@pytest.fixture
async def api_and_proxy(
    postgres: PostgresForTests, redis_server: RedisServer
) -> AsyncIterator[tuple[Api, StatementProxy]]:
    """An API, and a worker that has Postgres behind the proxy."""
    uri = await postgres.fresh_database()
    async with statement_proxy(uri) as proxy:
        worker = ServerProcess(
            "worker",
            *("worker", "--config", str(GRAPHS)),
            ready=READY_WORKER,
            environment={
                "DATABASE_URI": proxy.uri,
                "REDIS_URI": redis_server.url,
                "JOINSTREAM_POLL_SECONDS": "0.5",
            },
        )
        async with running_api(uri, config=TEST_GRAPHS) as api:
            await worker.start()
            yield api, proxy
            await worker.stop()
    await postgres.drop_database(uri)


async def test_a_resumed_run_fails_of_its_own_error_alone_and_leaves_its_state(
    api_and_proxy: tuple[Api, StatementProxy],
) -> None:
    api, proxy = api_and_proxy
    for number in range(1, STATEMENTS + 1):
        thread_id = (await api.client.threads.create())["thread_id"]
        run = await api.client.runs.create(
            thread_id, "faulty", input={"verb": "raise"}, after_seconds=1000, durability="sync"
        )
        proxy.strike_at(number, "lost")
        await make_due_again(api, run["run_id"])
        await eventually(partial(has_ended, api, run["run_id"]))
        result = await api.client.runs.join(thread_id, run["run_id"])
        at = f"at statement {number}"
        assert result == {"__error__": {"error": "ValueError", "message": "told to fail"}}, at
        shown = await api.client.threads.get(thread_id)
        state = await api.client.threads.get_state(thread_id)
        assert shown["values"] == state["values"], at
        assert shown["values"]["trail"] == ["before"], at


async def has_ended(api: Api, run_id: str) -> bool:
    query = "select ended_at is not null from runs where run_id = $1"
    return bool(await api.backends.pool.fetchval(query, run_id))


async def make_due_again(api: Api, run_id: str) -> None:
    """As a run is after its first worker has handed it back, in its second attempt."""
    await api.backends.pool.execute(
        "update runs set attempt = 1, run_after = now() where run_id = $1", run_id
    )
