"""Nothing is left out: every method has a contract, or is said to come later and is not there."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from langgraph_sdk.errors import APIStatusError

from tests.contract import (
    test_assistants,
    test_crons,
    test_event_streaming,
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
    test_event_streaming,
    test_store,
    test_remote_graph,
)

LATER: dict[str, Callable[[AnyClient], Awaitable[Any]]] = {}
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
