"""A worker that takes over its own run, as one does that was frozen for longer than its leases."""

from pathlib import Path
from typing import Any

from tests.support.api import TEST_GRAPHS, Api, running_api
from tests.support.journal import appears
from tests.support.queue import expire_leases
from tests.support.waiting import eventually


async def test_its_earlier_execution_stops_and_gives_its_slot_back(
    database_uri: str, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    given: Any = {"verb": "hang", "times": 1, "path": str(journal)}
    async with running_api(database_uri, config=TEST_GRAPHS, worker=True, poll_seconds=0.05) as api:
        thread_id = (await api.client.threads.create())["thread_id"]
        run = await api.client.runs.create(thread_id, "faulty", input=given)
        await appears(journal, "fault")
        await expire_leases(api.backends.pool)
        await api.client.runs.join(thread_id, run["run_id"])
        shown = await api.client.runs.get(thread_id, run["run_id"])
        assert (shown["status"], journal.read_text().count("fault")) == ("success", 2)
        await eventually(lambda: nothing_executes(api))


async def nothing_executes(api: Api) -> bool:
    return "lg_api_workers_active 0.0" in (await api.http.get("/metrics")).text.splitlines()
