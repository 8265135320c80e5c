"""A running server, the official clients that go to it, and a table of what they can do."""

import os
from collections.abc import AsyncIterator
from importlib.metadata import version

import pytest
from langgraph.pregel.remote import RemoteGraph
from langgraph_sdk.client import get_client, get_sync_client

from tests.support.contract import AnyClient, AnyGraph, compatibility
from tests.support.server import embedded_server

KINDS = ("sync", "async")


@pytest.fixture(scope="session")
async def url() -> AsyncIterator[str]:
    """Where `joinstream dev` runs, or whatever other server CONTRACT_URL names."""
    if (other := os.environ.get("CONTRACT_URL")) is not None:
        yield other
        return
    async with embedded_server() as deployment:
        yield str(deployment.http.base_url)


@pytest.fixture(params=KINDS)
async def client(request: pytest.FixtureRequest, url: str) -> AsyncIterator[AnyClient]:
    """The official client, first the one kind, then the other."""
    note_kind(request, request.param)
    if request.param == "sync":
        with get_sync_client(url=url) as official:
            yield AnyClient(official)
    else:
        async with get_client(url=url) as official:
            yield AnyClient(official)


@pytest.fixture(params=KINDS)
def graph(request: pytest.FixtureRequest, url: str) -> AnyGraph:
    """`counter` as a remote graph."""
    note_kind(request, request.param)
    return AnyGraph(RemoteGraph("counter", url=url), request.param)


def note_kind(request: pytest.FixtureRequest, kind: str) -> None:
    """Keep for the table which contract this test is about, and with which kind of client."""
    if (marker := request.node.get_closest_marker("contract")) is not None:
        request.node.user_properties.append(("contract", (*marker.args, kind)))


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "contract(method): what an official method does with us")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    outcomes = {
        value: "ok" if outcome == "passed" else "FAILED"
        for outcome in ("passed", "error", "failed")
        for report in terminalreporter.getreports(outcome)
        for name, value in report.user_properties
        if name == "contract"
    }
    terminalreporter.section(f"langgraph-sdk {version('langgraph-sdk')} with joinstream")
    terminalreporter.line(_line("method", *KINDS, ""))
    for method, row in compatibility().items():
        absent = "later" if row["State"] == "not yet" else "-"
        results = [outcomes.get((method, kind), absent) for kind in KINDS]
        terminalreporter.line(_line(method, *results, row["Notes"]))


def _line(*cells: str) -> str:
    return "{:<31} {:<6} {:<6} {}".format(*cells).rstrip()
