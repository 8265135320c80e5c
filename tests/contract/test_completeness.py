"""Nothing is left out: every method has a contract, or is said to come later and is not there."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest
from langgraph_sdk.client import SyncLangGraphClient
from langgraph_sdk.errors import APIStatusError

from tests.contract import test_assistants, test_crons, test_runs, test_starting_runs, test_threads
from tests.support.contract import AnyClient, client_methods, compatibility, contracts_in

NOBODY = str(uuid4())
SPACE = ["memories"]


async def follow(client: AnyClient) -> None:
    async for _ in await client.threads.join_stream(NOBODY):
        pass


async def converse(client: AnyClient) -> None:
    """`threads.stream` is a context manager, and sends nothing before a run is started."""
    if isinstance(client.official, SyncLangGraphClient):
        with client.official.threads.stream(assistant_id="echo") as sync_thread:
            sync_thread.run.start(input={"text": "x"})
    else:
        async with client.official.threads.stream(assistant_id="echo") as thread:
            await thread.run.start(input={"text": "x"})


LATER: dict[str, Callable[[AnyClient], Awaitable[Any]]] = {
    "threads.join_stream": follow,
    "threads.stream": converse,
    "store.delete_item": lambda client: client.store.delete_item(SPACE, "key"),
    "store.get_item": lambda client: client.store.get_item(SPACE, "key"),
    "store.list_namespaces": lambda client: client.store.list_namespaces(),
    "store.put_item": lambda client: client.store.put_item(SPACE, "key", {}),
    "store.search_items": lambda client: client.store.search_items(SPACE),
}
"""Calls of what is not there yet. One that begins to work gets a contract in its place."""


def test_the_documentation_names_every_method_of_the_client_and_no_other() -> None:
    assert set(compatibility()) == set(client_methods())


def test_every_method_has_a_contract_or_comes_later() -> None:
    contracts = contracts_in(
        test_assistants, test_threads, test_starting_runs, test_runs, test_crons
    )
    assert {name for name, row in compatibility().items() if row["State"] == "works"} == contracts
    assert set(compatibility()) - contracts == set(LATER)


@pytest.mark.parametrize("method", LATER)
async def test_what_comes_later_is_not_there(client: AnyClient, method: str) -> None:
    absent = "nothing at|is not allowed on|404 Not Found"
    with pytest.raises((APIStatusError, httpx.HTTPStatusError), match=absent):
        await LATER[method](client)
