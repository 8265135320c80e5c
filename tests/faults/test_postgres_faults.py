"""Postgres restarts, or is away for a while, under requests and runs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.support.journal import appears
from tests.support.site import Site

COUNT: Any = {"steps": 60, "seconds": 0.05}


@asynccontextmanager
async def postgres_away(site: Site) -> AsyncIterator[None]:
    """Every session is ended; afterwards all data is there again."""
    await asyncio.to_thread(site.postgres.stop)
    try:
        yield
    finally:
        await asyncio.to_thread(site.postgres.start)


async def test_runs_go_on_after_postgres_was_restarted(site: Site) -> None:
    begun = [await site.begin_and_listen("counter", COUNT) for _ in range(6)]
    async with postgres_away(site):
        pass
    for thread_id, run_id, listener in begun:
        parts = await listener.all()
        await site.auditor.agree(parts)
        result: Any = await site.client.runs.join(thread_id, run_id)
        assert result["count"] == 60
        assert (await site.run(thread_id, run_id))["status"] == "success"


async def test_requests_are_told_to_come_back_while_postgres_is_away(site: Site) -> None:
    body = {"assistant_id": "echo", "input": {"text": "x"}}
    refused: list[httpx.Response] = []
    async with postgres_away(site):
        for entrance in (site.deployment.here, site.deployment.there):
            for path in ("/threads", "/runs", "/runs/wait", "/runs/stream"):
                refused.append(await entrance.http.post(path, json=body))
    for response in refused:
        assert response.status_code == 503, response.text
        assert int(response.headers["retry-after"]) > 0
        assert "Postgres" in response.json()["detail"]
    for entrance in (site.deployment.here, site.deployment.there):
        assert (await entrance.http.post("/runs/wait", json=body)).json() == {"text": "x"}


async def test_a_run_that_ends_while_postgres_is_away_is_ended_when_it_is_back(
    site: Site, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    given = {"verb": "sleep", "seconds": 1, "path": str(journal)}
    thread_id, run_id = await site.begin("faulty", given, durability="exit")

    await appears(journal, "fault")
    async with postgres_away(site):
        await appears(journal, "after")
    result: Any = await site.client.runs.join(thread_id, run_id)
    assert result["trail"] == ["before", "fault", "after"]
    assert (await site.run(thread_id, run_id))["status"] == "success"


async def test_a_worker_cut_off_for_longer_than_its_lease_stops_and_others_go_on(
    site: Site,
) -> None:
    begun = [await site.begin("counter", COUNT) for _ in range(4)]
    workers = {await site.worker_of(run_id) for _, run_id in begun}
    async with postgres_away(site):
        for worker in workers:
            await worker.line_with("lease lost")
    for thread_id, run_id in begun:
        result: Any = await site.client.runs.join(thread_id, run_id)
        assert result["count"] == 60
        state: Any = await site.client.threads.get_state(thread_id)
        assert state["values"]["count"] == 60


async def test_a_worker_goes_on_after_an_answer_that_it_did_not_expect(site: Site) -> None:
    worker, other = site.topology.workers
    await other.stop()
    await rename_function(site, "claim_runs_v2", "claim_runs_away")
    thread_id, run_id = await site.begin("counter", {"steps": 1})
    await worker.line_with("runs cannot be claimed")
    await rename_function(site, "claim_runs_away", "claim_runs_v2")
    result: Any = await site.client.runs.join(thread_id, run_id)
    assert result["count"] == 1


async def rename_function(site: Site, name: str, other: str) -> None:
    """Also for workers' sessions that knew it by its name."""
    await site.fetchval(f"alter function {name} rename to {other}")
    await site.fetchval(
        """select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and application_name ~ 'worker'"""
    )
