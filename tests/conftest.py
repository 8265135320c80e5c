"""Fixtures every kind of test may use."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.support.postgres import PostgresForTests, running_postgres


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
