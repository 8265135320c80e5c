"""A whole installation to break: its processes, its backends, and an auditor who watches."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
from langgraph_sdk.client import LangGraphClient

from tests.support.auditor import Auditor
from tests.support.postgres import PostgresForTests
from tests.support.redis import RedisServer
from tests.support.server import Deployment, ServerProcess, Topology, running_topology
from tests.support.streaming import Listener, listen
from tests.support.waiting import eventually

QUICK_TO_NOTICE = {
    "BG_JOB_SHUTDOWN_GRACE_PERIOD_SECS": "0.5",
    "JOINSTREAM_HEARTBEAT_SECONDS": "0.5",
    "JOINSTREAM_LEASE_RENEW_SECONDS": "1",
    "JOINSTREAM_LEASE_SECONDS": "3",
    "JOINSTREAM_POLL_SECONDS": "0.5",
}


@dataclass(frozen=True)
class Site:
    """Two APIs and two workers with short leases."""

    topology: Topology
    deployment: Deployment
    postgres: PostgresForTests
    redis: RedisServer
    auditor: Auditor

    @property
    def client(self) -> LangGraphClient:
        return self.deployment.client

    async def begin(self, graph_id: str, given: Any, **options: Any) -> tuple[str, str]:
        """Create a background run on a new thread: (thread id, run id)."""
        thread_id = (await self.client.threads.create())["thread_id"]
        run = await self.client.runs.create(thread_id, graph_id, input=given, **options)
        return thread_id, run["run_id"]

    async def begin_and_listen(
        self, graph_id: str, given: Any, **options: Any
    ) -> tuple[str, str, Listener]:
        """The same, with a listener at the other API, who has heard the run's first event."""
        thread_id, run_id = await self.begin(graph_id, given, **options)
        there = self.deployment.there.client
        return thread_id, run_id, await listen(there, thread_id, run_id)

    async def run(self, thread_id: str, run_id: str) -> Any:
        """The run as the API shows it."""
        return await self.client.runs.get(thread_id, run_id)

    async def fetchval(self, query: str, *arguments: Any) -> Any:
        """Ask the database behind the server's back."""
        connection = await asyncpg.connect(self.topology.database_uri)
        try:
            return await connection.fetchval(query, *arguments)
        finally:
            await connection.close()

    async def worker_of(self, run_id: str) -> ServerProcess:
        """The process that executes the run; waits until there is one."""

        async def pid() -> int | None:
            name = await self.fetchval(
                "select worker from runs where run_id = $1 and status = 'running'", UUID(run_id)
            )
            return int(name.split(":")[1]) if name else None

        found = await eventually(pid)
        return next(worker for worker in self.topology.workers if worker.pid == found)

    def other_worker(self, worker: ServerProcess) -> ServerProcess:
        return next(other for other in self.topology.workers if other is not worker)


@asynccontextmanager
async def running_site(
    postgres: PostgresForTests, redis: RedisServer, **settings: str
) -> AsyncIterator[tuple[Topology, Auditor]]:
    """Everything but the entrances, which each test gets new. `settings`: environment variables."""
    uri = await postgres.fresh_database()
    auditor = Auditor(uri, redis)
    await auditor.install()
    async with running_topology(uri, redis, **QUICK_TO_NOTICE, **settings) as topology:
        yield topology, auditor
