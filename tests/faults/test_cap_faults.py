"""Caps, when the workers that execute capped runs are killed."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.support.journal import appears
from tests.support.postgres import PostgresForTests
from tests.support.redis import RedisServer
from tests.support.site import Site, running_site

KEY = {"concurrency_key": "one at a time"}


@pytest.fixture
async def capped(
    fragile_postgres: PostgresForTests, fragile_redis: RedisServer
) -> AsyncIterator[Site]:
    """An installation that executes one run of a key at a time; it is audited after the test."""
    async with (
        running_site(fragile_postgres, fragile_redis, JOINSTREAM_MAX_RUNNING_PER_KEY="1") as (
            topology,
            auditor,
        ),
        topology.entrances() as deployment,
    ):
        yield Site(topology, deployment, fragile_postgres, fragile_redis, auditor)
        await topology.start_all()
        await auditor.audit()


async def executing(site: Site) -> set[str]:
    connection = await asyncpg.connect(site.topology.database_uri)
    try:
        rows = await connection.fetch("select run_id from runs where status = 'running'")
    finally:
        await connection.close()
    return {str(row["run_id"]) for row in rows}


async def test_runs_that_wait_for_a_place_get_it_though_worker_after_worker_is_killed(
    capped: Site, tmp_path: Path
) -> None:
    journals = [tmp_path / str(number) for number in range(3)]
    begun = [
        await capped.begin("faulty", {"verb": "hang", "times": 1, "path": str(journal)}, params=KEY)
        for journal in journals
    ]
    # what is not capped passes those that wait
    assert await capped.client.runs.wait(None, "echo", input={"text": "hi"}) == {"text": "hi"}
    for journal, (_, run_id) in zip(journals, begun, strict=True):
        worker = await capped.worker_of(run_id)
        await appears(journal, "fault")
        assert await executing(capped) == {run_id}
        await worker.kill()
        await worker.start()
    for thread_id, run_id in begun:
        result: Any = await capped.client.runs.join(thread_id, run_id)
        assert result["trail"] == ["before", "fault", "after"]


async def test_what_a_cap_held_goes_on_after_a_restart_without_it(
    fragile_postgres: PostgresForTests, fragile_redis: RedisServer, tmp_path: Path
) -> None:
    given = {"verb": "hang"}
    async with running_site(
        fragile_postgres, fragile_redis, JOINSTREAM_MAX_RUNNING_PER_KEY="1"
    ) as (topology, auditor):
        async with topology.entrances() as deployment:
            site = Site(topology, deployment, fragile_postgres, fragile_redis, auditor)
            hanging = await site.begin("faulty", given, params=KEY)
            await site.worker_of(hanging[1])
            waiting = await site.begin("echo", {"text": "hi"}, params=KEY)
            free = await site.client.runs.wait(None, "echo", input={"text": "hi"})
            assert free == {"text": "hi"}
            assert (await site.run(*waiting))["status"] == "pending"
        for worker in topology.workers:
            await worker.stop()
            worker.set(JOINSTREAM_MAX_RUNNING_PER_KEY="")
            await worker.start()
        async with topology.entrances() as deployment:
            site = Site(topology, deployment, fragile_postgres, fragile_redis, auditor)
            assert await site.client.runs.join(*waiting) == {"text": "hi"}
            await site.client.runs.cancel(*hanging, wait=True)
        await auditor.audit()
