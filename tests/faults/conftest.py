"""One installation for all fault tests: whatever a test has broken is whole for the next one."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.support.auditor import Auditor
from tests.support.postgres import PostgresForTests, running_postgres
from tests.support.redis import RedisServer, running_redis
from tests.support.server import Topology
from tests.support.site import Site, running_site


@pytest.fixture(scope="session")
def fragile_postgres() -> Iterator[PostgresForTests]:
    """A server of its own, so that stopping it disturbs no other test."""
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def fragile_redis() -> Iterator[RedisServer]:
    with running_redis() as server:
        yield server


@pytest.fixture(scope="session")
async def installation(
    fragile_postgres: PostgresForTests, fragile_redis: RedisServer
) -> AsyncIterator[tuple[Topology, Auditor]]:
    async with running_site(fragile_postgres, fragile_redis) as running:
        yield running


@pytest.fixture
async def site(
    installation: tuple[Topology, Auditor],
    fragile_postgres: PostgresForTests,
    fragile_redis: RedisServer,
) -> AsyncIterator[Site]:
    """The installation, whole; it is audited after the test."""
    topology, auditor = installation
    await topology.start_all()
    async with topology.entrances() as deployment:
        yield Site(topology, deployment, fragile_postgres, fragile_redis, auditor)
        await topology.start_all()
        await auditor.audit()
