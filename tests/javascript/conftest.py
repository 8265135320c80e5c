"""A running server, and which of the official JavaScript clients goes to it."""

from collections.abc import AsyncIterator

import pytest

from tests.support.server import Deployment, embedded_server

CLIENTS = {"1.15": "@langchain/langgraph-sdk", "1.9": "langgraph-sdk-1.9"}
"""The newest one, and one that is still much used."""


@pytest.fixture(scope="session")
async def server() -> AsyncIterator[Deployment]:
    async with embedded_server(JOINSTREAM_HEARTBEAT_SECONDS="0.5") as deployment:
        yield deployment


@pytest.fixture(params=CLIENTS)
def package(request: pytest.FixtureRequest) -> str:
    """Each client in turn, as the package it comes in."""
    return CLIENTS[request.param]
