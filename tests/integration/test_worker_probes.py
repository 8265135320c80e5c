"""A worker process that stands alone, and what it answers to those who watch it."""

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.api import TEST_GRAPHS, running_api
from tests.support.redis import RedisServer
from tests.support.server import GRAPHS, READY_WORKER, ServerProcess
from tests.support.waiting import eventually

ANSWERED_AT = "probes are answered"


@pytest.fixture
async def worker(database_uri: str, redis_server: RedisServer) -> AsyncIterator[ServerProcess]:
    process = ServerProcess(
        "worker",
        "worker",
        *("--config", str(GRAPHS), "--port", "0"),
        ready=READY_WORKER,
        environment={
            "DATABASE_URI": database_uri,
            "REDIS_URI": redis_server.url,
            "JOINSTREAM_POLL_SECONDS": "0.2",
            "BG_JOB_SHUTDOWN_GRACE_PERIOD_SECS": "0.1",
        },
    )
    try:
        yield await process.start()
    finally:
        await process.stop()


async def watcher(worker: ServerProcess) -> httpx.AsyncClient:
    line = await worker.line_with(ANSWERED_AT)
    return httpx.AsyncClient(base_url=line.rpartition("url=")[2].strip(), timeout=30)


async def test_it_tells_how_it_is_and_what_it_has_done(
    worker: ServerProcess, database_uri: str
) -> None:
    async with (
        await watcher(worker) as http,
        running_api(database_uri, config=TEST_GRAPHS) as api,
    ):
        assert (await http.get("/ok")).json() == {"ok": True, "services": {}}
        checked = await http.get("/ok", params={"check_db": "1"})
        assert checked.json() == {
            "ok": True,
            "services": {"database": "healthy", "streams": "healthy"},
        }
        await api.client.runs.create(None, "echo", input={"text": "hi"})

        async def counted() -> bool:
            text = (await http.get("/metrics")).text
            return 'joinstream_runs_ended_total{graph_id="echo",status="success"} 1.0' in text

        await eventually(counted)
        figures = (await http.get("/metrics?format=json")).json()
        assert figures["workers"] == {"max": 10, "active": 0, "available": 10}
        assert figures["queue"]["n_pending"] == 0
        other = await http.get("/threads")
        assert (other.status_code, other.json()) == (
            404,
            {"detail": "There is nothing at /threads."},
        )

    worker.signal(signal.SIGTERM)
    assert await worker.ended() == 0


async def test_a_graph_that_blocks_the_loop_does_not_keep_it_from_answering(
    worker: ServerProcess, database_uri: str, tmp_path: Path
) -> None:
    begun = tmp_path / "begun"
    blocking: Any = {"verb": "block", "seconds": 25, "path": str(begun)}
    async with (
        await watcher(worker) as http,
        running_api(database_uri, config=TEST_GRAPHS) as api,
    ):
        await api.client.runs.create(None, "faulty", input=blocking)

        async def blocks() -> bool:
            return await asyncio.to_thread(lambda: begun.exists() and "fault" in begun.read_text())

        await eventually(blocks)
        checked = await http.get("/ok", params={"check_db": "1"})
        assert checked.status_code == 503
        assert checked.json()["services"] == {"database": "unhealthy", "streams": "unhealthy"}
        assert (await http.get("/ok")).status_code == 200
        metrics = await http.get("/metrics")
        assert metrics.status_code == 200
        assert "lg_api_workers_active 1.0" in metrics.text
        assert "lg_api_num_running_runs" not in metrics.text
    await worker.kill()
