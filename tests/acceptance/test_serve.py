"""`joinstream serve` and `joinstream worker` over Postgres and Redis."""

import signal
from functools import partial
from pathlib import Path

import httpx
import psutil
import pytest
from langgraph_sdk import get_client

from tests.support.commands import RunningCommand, run, running, running_server
from tests.support.redis import RedisServer
from tests.support.waiting import eventually


@pytest.fixture
def settings(database_uri: str, redis_server: RedisServer) -> dict[str, str]:
    return {
        "DATABASE_URI": database_uri,
        "REDIS_URI": redis_server.url,
        "REDIS_KEY_PREFIX": f"{database_uri.partition('?')[0].rpartition('/')[2]}:",
    }


def workers_of(server: RunningCommand) -> list[psutil.Process]:
    return psutil.Process(server.process.pid).children()


async def counted_with(url: str, line: str) -> str | None:
    """What the server counts, once it has this line."""
    async with httpx.AsyncClient() as http:
        counted = (await http.get(f"{url}/metrics")).text
    return counted if line in counted else None


async def started_run(url: str, folder: Path) -> tuple[str, str]:
    """Thread and run of a run that hangs in its first execution and succeeds in its second."""
    client = get_client(url=url)
    journal = folder / "journal"
    thread = await client.threads.create()
    run = await client.runs.create(
        thread["thread_id"],
        "faulty",
        input={"verb": "hang", "path": str(journal), "times": 1},
    )

    async def hangs() -> bool:
        return journal.exists() and "fault" in journal.read_text()

    await eventually(hangs)
    return thread["thread_id"], run["run_id"]


async def test_runs_are_executed_by_worker_processes_which_end_with_the_server(
    settings: dict[str, str],
) -> None:
    with running_server("serve", "--workers", "2", environment=settings) as server:
        assert server.storage == "10 graphs, 2 workers"
        client = get_client(url=server.url)
        result = await client.runs.wait(None, "echo", input={"text": "hello"})
        assert result == {"text": "hello"}
        workers = workers_of(server)
        assert len(workers) == 2
        counted = await eventually(partial(counted_with, server.url, "lg_api_workers_max 20.0"))
        assert 'joinstream_runs_ended_total{graph_id="echo",status="success"} 1.0' in counted
        again = await counted_with(server.url, "lg_api_num_pending_runs 0.0") or ""
        told = [line for line in again.splitlines() if line.startswith("# TYPE")]
        assert len(told) == len(set(told)) > 0
        assert "pid=" not in again
        assert server.stop() == 0
        assert not any(worker.is_running() for worker in workers)
        assert "Traceback" not in server.log


async def test_an_api_alone_leaves_runs_to_workers_started_elsewhere(
    settings: dict[str, str],
) -> None:
    with (
        running_server("serve", "--workers", "0", environment=settings) as server,
        running("worker", "--jobs-per-worker", "2", environment=settings) as worker,
    ):
        assert workers_of(server) == []
        result = await get_client(url=server.url).runs.wait(None, "echo", input={"text": "hello"})
        assert result == {"text": "hello"}
        assert worker.stop() == 0
        assert worker.process.poll() is not None


async def test_a_worker_that_dies_is_replaced_and_its_run_goes_on(
    settings: dict[str, str], tmp_path: Path
) -> None:
    short_lease = {"JOINSTREAM_LEASE_SECONDS": "1", "JOINSTREAM_LEASE_RENEW_SECONDS": "0.3"}
    quick = short_lease | {"JOINSTREAM_POLL_SECONDS": "0.2"}
    with running_server("serve", environment=settings | quick) as server:
        ids = await started_run(server.url, tmp_path)
        (worker,) = workers_of(server)
        worker.kill()
        client = get_client(url=server.url)
        await client.runs.join(*ids)
        assert (await client.runs.get(*ids))["status"] == "success"
        (replacement,) = workers_of(server)
        assert replacement.pid != worker.pid


async def test_a_run_that_a_stop_interrupts_is_handed_back_and_finished_by_the_next_server(
    settings: dict[str, str], tmp_path: Path
) -> None:
    settings["BG_JOB_SHUTDOWN_GRACE_PERIOD_SECS"] = "0"
    with running_server("serve", environment=settings) as server:
        ids = await started_run(server.url, tmp_path)
        assert server.stop() == 0
    with running_server("serve", environment=settings) as server:
        client = get_client(url=server.url)
        await client.runs.join(*ids)
        assert (await client.runs.get(*ids))["status"] == "success"


async def test_workers_do_not_outlive_a_server_that_was_killed(settings: dict[str, str]) -> None:
    with running_server("serve", environment=settings) as server:
        await get_client(url=server.url).runs.wait(None, "echo", input={"text": "hello"})
        (worker,) = workers_of(server)
        server.stop(signal.SIGKILL)
        worker.wait()


def refusal(*arguments: str, **environment: str) -> str:
    """The one line on stderr of a command that does not start."""
    ended = run(*arguments, environment=environment)
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    return line.removeprefix("joinstream: ")


@pytest.mark.parametrize("command", [("serve", "--port", "0"), ("worker",)])
def test_a_database_that_lacks_migrations_is_refused_with_the_remedy(
    empty_database_uri: str, redis_server: RedisServer, command: tuple[str, ...]
) -> None:
    line = refusal(*command, DATABASE_URI=empty_database_uri, REDIS_URI=redis_server.url)
    assert line.endswith("run `joinstream migrate` first.")


@pytest.mark.parametrize("command", [("serve", "--port", "0"), ("worker",)])
def test_what_production_needs_is_named_when_it_is_missing(
    database_uri: str, redis_server: RedisServer, command: tuple[str, ...]
) -> None:
    assert "DATABASE_URI is not set" in refusal(*command, REDIS_URI=redis_server.url)
    assert "REDIS_URI is not set" in refusal(*command, DATABASE_URI=database_uri)
