"""A time at which a cron is due fires once, whoever is killed while firing."""

import asyncio
from typing import Any

import pytest

from tests.support.api import Api, running_api
from tests.support.cron_victims import start_victim

SCHEDULERS = 2
KILLINGS = 200
CRONS = 100


async def make_due(api: Api) -> None:
    """All crons become due, at the same time."""
    await api.backends.database.execute("update crons set next_run_date = now()")


async def due(api: Api) -> int:
    count: int = await api.backends.database.fetchval(
        "select count(*) from crons where next_run_date <= now()"
    )
    return count


async def kill_schedulers(api: Api, database_uri: str) -> int:
    """Two schedulers at a time, each replaced when it dies, until `KILLINGS` have died."""
    killed = 0

    async def one_place() -> None:
        nonlocal killed
        while killed < KILLINGS:
            if await due(api) < SCHEDULERS * 3:
                await make_due(api)
            victim = await asyncio.to_thread(start_victim, database_uri)
            await asyncio.to_thread(victim.join)
            killed += victim.exitcode == -9

    await asyncio.gather(*(one_place() for _ in range(SCHEDULERS)))
    return killed


@pytest.mark.timeout(300)
async def test_each_time_fires_once_though_schedulers_are_killed(database_uri: str) -> None:
    async with running_api(database_uri, ff_crons_enabled=False) as api:
        for _ in range(CRONS):
            await api.client.crons.create("echo", schedule="0 0 1 1 *", on_run_completed="keep")
        assert await kill_schedulers(api, database_uri) >= KILLINGS
        while await api.app.state.services.cron_scheduler.fire_next():
            pass

        firings: list[Any] = await api.backends.database.fetch("select * from cron_firings")
        runs: list[Any] = await api.backends.database.fetch(
            "select run_id, metadata ->> 'cron_id' as cron_id from runs"
        )
        assert {firing["outcome"] for firing in firings} == {"created"}
        slots = {(firing["cron_id"], firing["slot"]) for firing in firings}
        assert len(slots) == len(firings) == len(runs) > KILLINGS
        assert {firing["run_id"] for firing in firings} == {run["run_id"] for run in runs}
        assert await due(api) == 0
