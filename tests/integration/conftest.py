"""Fixtures of the tests that speak to a whole application."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.api import TEST_GRAPHS, Api, running_api
from tests.support.postgres import PostgresForTests


@pytest.fixture
async def api(database_uri: str) -> AsyncIterator[Api]:
    """An application over a database of this test's own."""
    async with running_api(database_uri) as running:
        yield running


@pytest.fixture(scope="module")
def gates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where it is said how fast the essays of `working_api` are written."""
    return tmp_path_factory.mktemp("gates")


@pytest.fixture(scope="module")
async def working_api(postgres: PostgresForTests, gates: Path) -> AsyncIterator[Api]:
    """An application with a worker, the graphs of the tests and a socket, for a whole module."""
    uri = await postgres.fresh_database()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("ESSAY_GATES", str(gates))
        async with running_api(uri, config=TEST_GRAPHS, worker=True, over_tcp=True) as running:
            yield running
    await postgres.drop_database(uri)
