"""Servers for the acceptance tests, each started once: they are slow to start, quick to use."""

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.support.postgres import PostgresForTests
from tests.support.redis import running_redis
from tests.support.server import Deployment, embedded_server, running_topology

# A body limit that a test can exceed, and heartbeats that it can wait for.
SETTINGS = {
    "HTTP_MAX_REQUEST_BODY_BYTES": "4000000",
    "JOINSTREAM_HEARTBEAT_SECONDS": "0.5",
    "N_JOBS_PER_WORKER": "20",
}


@pytest.fixture(scope="session")
async def embedded() -> AsyncIterator[Deployment]:
    """`joinstream dev`: one process, its own Postgres, streams in memory."""
    async with embedded_server(**SETTINGS) as deployment:
        yield deployment


@pytest.fixture(scope="session")
async def two_and_two(postgres: PostgresForTests) -> AsyncIterator[Deployment]:
    """Two APIs and two workers over Postgres and Redis."""
    uri = await postgres.fresh_database()
    with running_redis() as redis:
        async with running_topology(uri, redis, **SETTINGS) as topology, topology.entrances() as d:
            yield d


@pytest.fixture(params=["embedded", "two_and_two"])
def deployment(request: pytest.FixtureRequest) -> Deployment:
    """Each way to run joinstream in turn."""
    running: Deployment = request.getfixturevalue(request.param)
    return running


@pytest.fixture
def http(deployment: Deployment) -> httpx.AsyncClient:
    return deployment.http
