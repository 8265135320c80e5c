"""Fixtures every kind of test may use."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.support.postgres import PostgresForTests, running_postgres
from tests.support.redis import RedisServer, running_redis


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresForTests]:
    """The session's Postgres server."""
    with running_postgres() as server:
        yield server


@pytest.fixture
async def database_uri(postgres: PostgresForTests) -> AsyncIterator[str]:
    """A database of this test's own with the current schema."""
    uri = await postgres.fresh_database()
    yield uri
    await postgres.drop_database(uri)


@pytest.fixture
async def empty_database_uri(postgres: PostgresForTests) -> AsyncIterator[str]:
    """A database of this test's own without any table."""
    uri = await postgres.fresh_database(migrated=False)
    yield uri
    await postgres.drop_database(uri)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """The session's Redis, shared by tests that leave it running."""
    with running_redis() as server:
        yield server


@pytest.fixture
def own_redis_server() -> Iterator[RedisServer]:
    """A Redis that the test may kill and start as it likes."""
    with running_redis() as server:
        yield server
