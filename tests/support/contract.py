"""Contracts with the official client: what each of its methods does, awaited or not.

A contract is written once, for a client that is asynchronous. `AnyClient` gives it the official
client of either kind, and notes which methods it was called with which parameters: a contract has
to use every parameter of its method.
"""

import asyncio
import functools
import inspect
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from types import ModuleType
from typing import Any, Literal

import pytest
from langgraph_sdk.client import (
    AssistantsClient,
    CronClient,
    LangGraphClient,
    RunsClient,
    StoreClient,
    SyncLangGraphClient,
    ThreadsClient,
)

from tests.support.documents import ROOT, Row, names_in, rows

Kind = Literal["sync", "async"]

_RESOURCES = {
    "assistants": AssistantsClient,
    "threads": ThreadsClient,
    "runs": RunsClient,
    "crons": CronClient,
    "store": StoreClient,
}
_WITH_EVERY_CALL: dict[str, Any] = {
    "headers": {"x-contract": "signed"},
    "params": {"contract": "signed"},
}
"""What every method takes, and the server has to leave alone."""

_NOTHING_MORE = object()


def client_methods() -> list[str]:
    """Every public method of the official client, as `threads.search`."""
    return [
        f"{resource}.{name}"
        for resource, type_ in _RESOURCES.items()
        for name, _ in inspect.getmembers(type_, inspect.isfunction)
        if not name.startswith("_")
    ]


class AnyClient:
    """The official client, sync or async, used as an async one."""

    assistants: Any
    threads: Any
    runs: Any
    crons: Any
    store: Any

    def __init__(self, client: LangGraphClient | SyncLangGraphClient) -> None:
        self.official = client
        self.kind: Kind = "async" if isinstance(client, LangGraphClient) else "sync"
        self.given: defaultdict[str, set[str]] = defaultdict(set)
        """By method, the parameters it was called with."""
        for name in _RESOURCES:
            setattr(self, name, _Resource(self, name))

    def never_given(self, method: str) -> set[str]:
        """The parameters of a method that no call has used."""
        resource, _, name = method.partition(".")
        signature = inspect.signature(getattr(getattr(self.official, resource), name))
        return set(signature.parameters) - self.given[method]


class _Resource:
    """The methods of one part of the client. Those that stream are async iterators."""

    def __init__(self, client: AnyClient, name: str) -> None:
        self._client = client
        self._name = name
        self._official = getattr(client.official, name)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._official, name)
        awaited = inspect.iscoroutinefunction(getattr(_RESOURCES[self._name], name))
        signature = inspect.signature(method)

        def call(*positional: Any, **named: Any) -> Any:
            extra = {key: _WITH_EVERY_CALL[key] for key in _WITH_EVERY_CALL.keys() - named.keys()}
            bound = signature.bind(*positional, **named, **extra)
            self._client.given[f"{self._name}.{name}"] |= bound.arguments.keys()
            if self._client.kind == "async":
                return method(*bound.args, **bound.kwargs)
            if awaited:
                return _on_a_thread(method, *bound.args, **bound.kwargs)
            return _parts(method(*bound.args, **bound.kwargs))

        return call


async def _on_a_thread(method: Callable[..., Any], *positional: Any, **named: Any) -> Any:
    result = await asyncio.to_thread(method, *positional, **named)
    return _parts(result) if isinstance(result, Iterator) else result


async def _parts(parts: Iterator[Any]) -> AsyncIterator[Any]:
    while (part := await asyncio.to_thread(next, parts, _NOTHING_MORE)) is not _NOTHING_MORE:
        yield part


Contract = Callable[[AnyClient], Awaitable[None]]


def contract(method: str) -> Callable[[Contract], Contract]:
    """Marks the test that says what a method does; it fails if a parameter was never given."""

    def decorate(test: Contract) -> Contract:
        @functools.wraps(test)
        async def checked(client: AnyClient) -> None:
            await test(client)
            assert client.never_given(method) == set(), f"{method} was never given these"

        return pytest.mark.contract(method)(checked)

    return decorate


def compatibility() -> dict[str, Row]:
    """What the documentation says of each method."""
    page = ROOT / "docs" / "compatibility.md"
    return {names_in(row["Method"])[0]: row for row in rows(page, "Method", "State")}


def contracts_in(*modules: ModuleType) -> set[str]:
    """The methods that have a contract in these modules."""
    return {
        mark.args[0]
        for module in modules
        for test in vars(module).values()
        for mark in getattr(test, "pytestmark", ())
        if mark.name == "contract"
    }
