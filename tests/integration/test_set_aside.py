"""Runs whose attempts are used up: listed, retried, and never a dead end."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from joinstream.domain.ids import RunId
from joinstream.ports.runs import Claimant, Ending
from tests.support.api import Api, running_api
from tests.support.commands import run

WORKER = Claimant("a worker", 30, ("echo",))
DIED = {"error": "RuntimeError", "message": "the worker died 4 times [while executing] this run"}


@pytest.fixture
async def api(database_uri: str) -> AsyncIterator[Api]:
    async with running_api(database_uri) as running:
        yield running


async def set_aside(api: Api, thread_id: str | None) -> str:
    """A run, as its last worker leaves it."""
    created = await api.client.runs.create(thread_id, "echo", input={"text": "x"})
    (claimed,) = await api.backends.runs.claim(WORKER, 1)
    await api.backends.runs.finish(
        claimed, Ending("error", error=DIED, thread_error=DIED, set_aside=True)
    )
    return created["run_id"]


async def listed(api: Api, **query: Any) -> httpx.Response:
    answer = await api.http.get("/runs/set-aside", params=query)
    assert answer.status_code == 200, answer.text
    return answer


async def test_they_are_errors_to_official_clients_and_listed_for_ours(api: Api) -> None:
    thread = await api.client.threads.create()
    on_thread = await set_aside(api, thread["thread_id"])
    stateless = await set_aside(api, None)
    failed = await api.client.runs.get(thread["thread_id"], on_thread)
    assert (failed["status"], failed["error"]) == ("error", DIED)  # type: ignore[typeddict-item]  # the client's type lacks it

    answer = await listed(api)
    assert [run["run_id"] for run in answer.json()] == [stateless, on_thread]
    assert all(run["set_aside_at"] for run in answer.json())


async def test_the_list_comes_in_pages_with_the_true_total(api: Api) -> None:
    wanted = [await set_aside(api, None) for _ in range(3)][::-1]
    first = await listed(api, limit=2, select="run_id")
    assert first.json() == [{"run_id": run_id} for run_id in wanted[:2]]
    assert first.headers["x-pagination-total"] == "3"
    second = await listed(api, limit=2, offset=first.headers["x-pagination-next"])
    assert [run["run_id"] for run in second.json()] == wanted[2:]
    assert "x-pagination-next" not in second.headers


async def test_a_retried_run_is_pending_and_no_longer_listed(api: Api) -> None:
    thread_id = (await api.client.threads.create())["thread_id"]
    run_id = await set_aside(api, thread_id)
    answer = await api.http.post(f"/threads/{thread_id}/runs/{run_id}/retry")
    assert (answer.status_code, answer.json()["status"]) == (200, "pending")
    assert answer.headers["content-location"] == f"/threads/{thread_id}/runs/{run_id}"
    assert "set_aside_at" not in answer.json()
    assert (await api.client.threads.get(thread_id))["status"] == "busy"
    assert (await listed(api)).json() == []


async def test_a_stateless_run_is_retried_at_its_own_path(api: Api) -> None:
    run_id = await set_aside(api, None)
    answer = await api.http.post(f"/runs/{run_id}/retry")
    assert (answer.status_code, answer.json()["status"]) == (200, "pending")
    assert answer.headers["content-location"] == f"/runs/{run_id}"


async def test_what_cannot_be_retried_is_told_why(api: Api) -> None:
    thread_id = (await api.client.threads.create())["thread_id"]
    pending = await api.client.runs.create(thread_id, "echo", input={"text": "x"})
    path = f"/threads/{thread_id}/runs"
    refused = await api.http.post(f"{path}/{pending['run_id']}/retry")
    assert refused.status_code == 409
    assert "has not been set aside" in refused.json()["detail"]
    await api.client.runs.delete(thread_id, pending["run_id"])

    run_id = await set_aside(api, thread_id)
    await api.client.runs.create(thread_id, "echo", input={"text": "x"})
    (later,) = await api.backends.runs.claim(WORKER, 1)
    await api.backends.runs.finish(later, Ending("success"))
    refused = await api.http.post(f"{path}/{run_id}/retry")
    assert refused.status_code == 409
    assert "later runs" in refused.json()["detail"]

    gone = await api.http.post(f"{path}/{later.thread_id}/retry")
    assert gone.status_code == 404


async def test_a_run_that_is_not_wanted_any_more_can_be_deleted(api: Api) -> None:
    run_id = await set_aside(api, None)
    assert (await api.http.delete(f"/runs/{run_id}")).status_code == 204
    assert (await listed(api)).json() == []


def command(database_uri: str, folder: Path, *arguments: str) -> tuple[int, str]:
    ended = run(
        "runs",
        *arguments,
        environment={"DATABASE_URI": database_uri, "COLUMNS": "250"},
        folder=folder,
    )
    assert ended.stderr == ""
    return ended.returncode, ended.stdout


async def test_operators_list_and_retry_them_from_the_command_line(
    api: Api, database_uri: str, tmp_path: Path
) -> None:
    thread_id = (await api.client.threads.create())["thread_id"]
    run_ids = [await set_aside(api, thread_id), await set_aside(api, None)]
    code, printed = command(database_uri, tmp_path, "set-aside", "--limit", "1")
    assert code == 0
    assert f"│ {run_ids[1]} │ stateless " in printed
    assert DIED["message"] in printed
    assert "… and 1 more" in printed

    code, printed = command(database_uri, tmp_path, "retry", *run_ids)
    assert code == 0
    assert printed.splitlines() == [f"{run_id}  back in the queue" for run_id in run_ids]
    for run_id in run_ids:
        assert await api.backends.runs.status(RunId(run_id)) == "pending"  # type: ignore[arg-type]  # asyncpg takes text
    code, printed = command(database_uri, tmp_path, "retry", run_ids[0])
    assert code == 1
    assert "not retried: it has not been set aside" in printed
