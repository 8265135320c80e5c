"""What a run may be created with, beside what its graph gets."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.support.api import TENANTS, Api, running_api

PATHS = ["/runs", "/runs/stream", "/runs/wait"]


def body(**options: Any) -> dict[str, Any]:
    return {"assistant_id": "echo", "input": {"text": "hi"}, **options}


async def created(api: Api, path: str = "/runs", **options: Any) -> dict[str, Any]:
    response = await api.http.post(path, json=body(**options))
    assert response.status_code == 200, response.text
    run: dict[str, Any] = response.json()
    return run


# --- what the queue shares out by ---------------------------------------------------------------


async def test_a_run_keeps_what_the_queue_shares_out_by(api: Api) -> None:
    run = await created(api, priority=7, concurrency_key="crawl", timeout_seconds=2.5)
    assert (run["priority"], run["concurrency_key"], run["timeout_seconds"]) == (7, "crawl", 2.5)
    row = await api.backends.pool.fetchrow("select * from runs where run_id = $1", run["run_id"])
    assert row is not None
    assert (row["priority"], row["concurrency_key"], row["user_id"]) == (7, "crawl", None)
    assert row["timeout_seconds"] == 2.5


async def test_a_run_that_asks_for_nothing_shows_its_priority_alone(api: Api) -> None:
    run = await created(api)
    assert run["priority"] == 0
    assert not {"concurrency_key", "timeout_seconds"} & set(run)


async def test_a_run_knows_who_asked_for_it(database_uri: str) -> None:
    async with running_api(database_uri, config=TENANTS) as api:
        api.http.headers["authorization"] = "Bearer ann-key"
        await created(api, "/runs")
        assert await api.backends.pool.fetchval("select user_id from runs") == "ann"


@pytest.mark.parametrize(
    "options",
    [
        {"priority": 1001},
        {"priority": -1001},
        {"priority": "high"},
        {"concurrency_key": ""},
        {"concurrency_key": "k" * 256},
        {"timeout_seconds": 0},
        {"run_id": "mine"},
    ],
)
async def test_an_option_that_cannot_be_is_refused_by_its_name(
    api: Api, options: dict[str, Any]
) -> None:
    response = await api.http.post("/runs", json=body(**options))
    assert response.status_code == 422
    assert next(iter(options)) in response.json()["detail"]


# --- time ---------------------------------------------------------------------------------------


async def test_no_run_gets_more_time_than_any_run_may_have(database_uri: str) -> None:
    async with running_api(database_uri, worker=True, bg_job_timeout_secs=0.1) as api:
        sent = {"assistant_id": "faulty", "input": {"verb": "hang"}, "timeout_seconds": 1000}
        ended = (await api.http.post("/runs/wait", json=sent)).json()
        assert ended["__error__"]["error"] == "TimeoutError"
        assert "0.1 s" in ended["__error__"]["message"]


# --- ids that clients make ----------------------------------------------------------------------


async def test_a_client_can_choose_the_runs_id(api: Api) -> None:
    run_id = str(uuid4())
    assert (await created(api, run_id=run_id))["run_id"] == run_id


@pytest.mark.parametrize("path", PATHS)
async def test_an_id_that_is_taken_is_a_conflict_and_changes_nothing(api: Api, path: str) -> None:
    """Neither is the thread made, nor are its other runs interrupted."""
    thread = await api.client.threads.create()
    first = await created(api, f"/threads/{thread['thread_id']}/runs")
    taken = {"run_id": first["run_id"], "multitask_strategy": "interrupt"}
    before = await api.http.get(f"/runs/{first['run_id']}")
    for place in (path, f"/threads/{thread['thread_id']}{path}", f"/threads/{uuid4()}{path}"):
        refused = await api.http.post(place, json=body(if_not_exists="create", **taken))
        assert refused.status_code == 409
        assert first["run_id"] in refused.json()["detail"]
    assert (await api.http.get(f"/runs/{first['run_id']}")).json() == before.json()
    assert await api.backends.pool.fetchval("select count(*) from threads") == 1


async def test_a_conflict_says_no_more_of_another_tenants_run(database_uri: str) -> None:
    """That an id is taken has to be said, whoever has it; nothing else is."""
    async with running_api(database_uri, config=TENANTS) as api:
        api.http.headers["authorization"] = "Bearer ann-key"
        run = await created(api)
        own = await api.http.post("/runs", json=body(run_id=run["run_id"]))
        bob = {"authorization": "Bearer bob-key"}
        others = await api.http.post("/runs", json=body(run_id=run["run_id"]), headers=bob)
        assert (own.status_code, own.json()) == (others.status_code, others.json())
        assert own.status_code == httpx.codes.CONFLICT
