"""Fixtures of the tests that speak to a whole application."""

from collections.abc import AsyncIterator

import pytest

from tests.support.api import Api, running_api


@pytest.fixture
async def api(database_uri: str) -> AsyncIterator[Api]:
    """An application over a database of this test's own."""
    async with running_api(database_uri) as running:
        yield running
