"""Nothing is left out: every method has a contract, or is said to come later and is not there."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from langgraph.pregel.remote import RemoteGraph
from langgraph_sdk.client import SyncLangGraphClient
from langgraph_sdk.errors import APIStatusError

from tests.contract import (
    test_assistants,
    test_crons,
    test_remote_graph,
    test_runs,
    test_starting_runs,
    test_store,
    test_threads,
)
from tests.support.contract import AnyClient, compatibility, contracts_in, official_methods

CONTRACTS = (
    test_assistants,
    test_threads,
    test_starting_runs,
    test_runs,
    test_crons,
    test_store,
    test_remote_graph,
)


async def converse(client: AnyClient) -> None:
    """`threads.stream` is a context manager, and sends nothing before a run is started."""
    if isinstance(client.official, SyncLangGraphClient):
        with client.official.threads.stream(assistant_id="echo") as sync_thread:
            sync_thread.run.start(input={"text": "x"})
    else:
        async with client.official.threads.stream(assistant_id="echo") as thread:
            await thread.run.start(input={"text": "x"})


async def watch(client: AnyClient) -> None:
    """The same underneath, by `RemoteGraph`."""
    if isinstance(client.official, SyncLangGraphClient):
        graph = RemoteGraph("echo", sync_client=client.official)
        with graph.stream_events({"text": "x"}, version="v3") as sync_run:
            sync_run.output  # noqa: B018 - waits for it
    else:
        graph = RemoteGraph("echo", client=client.official)
        async with await graph.astream_events({"text": "x"}, version="v3") as run:
            await run.output()


LATER: dict[str, Callable[[AnyClient], Awaitable[Any]]] = {
    "threads.stream": converse,
    "RemoteGraph.stream_events": watch,
}
"""Calls of what is not there yet. One that begins to work gets a contract in its place."""


def test_the_documentation_names_every_method_of_the_client_and_no_other() -> None:
    assert set(compatibility()) == official_methods()


def test_every_method_has_a_contract_or_comes_later() -> None:
    contracts = contracts_in(*CONTRACTS)
    states = {name: row["State"] for name, row in compatibility().items()}
    assert {name for name, state in states.items() if state == "works"} == contracts
    assert {name for name, state in states.items() if state == "not yet"} == set(LATER)


@pytest.mark.parametrize("method", LATER)
async def test_what_comes_later_is_not_there(client: AnyClient, method: str) -> None:
    absent = "nothing at|is not allowed on|404 Not Found"
    with pytest.raises((APIStatusError, httpx.HTTPStatusError), match=absent):
        await LATER[method](client)
