"""Contracts with the official clients: what each of their methods does, awaited or not.

A contract is written once, for a client that is asynchronous. `AnyClient` and `AnyGraph` give it
the official one of either kind, and note which methods were called with which parameters: a
contract has to use every parameter of its method.
"""

import asyncio
import functools
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractContextManager
from types import ModuleType
from typing import Any, Literal, TypeVar, cast

import pytest
from langgraph.pregel.remote import RemoteGraph
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

_RESOURCES: dict[str, type] = {
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
"""What nearly every method takes, and the server has to leave alone."""

_NOTHING_MORE = object()


def official_methods() -> set[str]:
    """Every public method of the official clients, as `threads.search` and `RemoteGraph.invoke`."""
    methods = {
        f"{resource}.{name}" for resource, type_ in _RESOURCES.items() for name in _public(type_)
    }
    of_graphs = _public(RemoteGraph)
    return methods | {f"RemoteGraph.{name}" for name in of_graphs if name[1:] not in of_graphs}


def _public(type_: type) -> set[str]:
    """The public methods that a type itself defines."""
    return {
        name for name in vars(type_) if inspect.isfunction(vars(type_)[name]) and name[0] != "_"
    }


class Official:
    """An official object, sync or async, whose methods are called as asynchronous ones.

    Those that stream are asynchronous iterators. `unused` has, by method, the parameters that no
    call has used yet.
    """

    def __init__(
        self,
        name: str,
        official: object,
        kind: Kind,
        asynchronous: Callable[[str], Any],
        unused: dict[str, set[str]],
    ) -> None:
        """`asynchronous` finds a method's async form, None if it has none."""
        self._name = name
        self.official = official
        self.kind = kind
        self._asynchronous = asynchronous
        self.unused = unused

    def __getattr__(self, name: str) -> Callable[..., Any]:
        asynchronous = self._asynchronous(name)
        is_async = self.kind == "async" and asynchronous is not None
        method = getattr(self.official, asynchronous.__name__ if is_async else name)
        signature = inspect.signature(method)

        def call(*positional: Any, **named: Any) -> Any:
            free = signature.parameters.keys() - named.keys()
            extra = {key: value for key, value in _WITH_EVERY_CALL.items() if key in free}
            bound = signature.bind(*positional, **named, **extra)
            unused = self.unused.setdefault(f"{self._name}.{name}", set(signature.parameters))
            unused.difference_update(bound.arguments)
            if is_async or asynchronous is None:
                return method(*bound.args, **bound.kwargs)
            if inspect.iscoroutinefunction(asynchronous):
                return _on_a_thread(method, *bound.args, **bound.kwargs)
            result = method(*bound.args, **bound.kwargs)
            return result if isinstance(result, AbstractContextManager) else _parts(result)

        return call


async def _on_a_thread(method: Callable[..., Any], *positional: Any, **named: Any) -> Any:
    result = await asyncio.to_thread(method, *positional, **named)
    return _parts(result) if isinstance(result, Iterator) else result


async def _parts(parts: Iterator[Any]) -> AsyncIterator[Any]:
    while (part := await asyncio.to_thread(next, parts, _NOTHING_MORE)) is not _NOTHING_MORE:
        yield part


class AnyClient:
    """The official client, sync or async, used as an async one."""

    assistants: Official
    threads: Official
    runs: Official
    crons: Official
    store: Official

    def __init__(self, client: LangGraphClient | SyncLangGraphClient) -> None:
        self.official = client
        self.kind: Kind = "async" if isinstance(client, LangGraphClient) else "sync"
        self.unused: dict[str, set[str]] = {}
        for name, type_ in _RESOURCES.items():
            finds = functools.partial(getattr, type_)
            part = Official(name, getattr(client, name), self.kind, finds, self.unused)
            setattr(self, name, part)


class AnyGraph(Official):
    """A graph, remote or not, used as if it had the methods with an `a` before their names only."""

    def __init__(self, graph: Any, kind: Kind, unused: dict[str, set[str]] | None = None) -> None:
        super().__init__(
            type(graph).__name__,
            graph,
            kind,
            lambda name: getattr(type(graph), f"a{name}", None),
            {} if unused is None else unused,
        )


Test = TypeVar("Test", bound=Callable[..., Awaitable[None]])


def contract(method: str) -> Callable[[Test], Test]:
    """Marks the test that says what a method does; it fails if a parameter was never given.

    The test takes the client or graph that the method is of, and nothing else.
    """

    def decorate(test: Test) -> Test:
        (fixture,) = inspect.signature(test).parameters

        @functools.wraps(test)
        async def checked(**fixtures: Any) -> None:
            await test(**fixtures)
            assert fixtures[fixture].unused[method] == set(), f"{method} was never given these"

        return cast("Test", pytest.mark.contract(method)(checked))

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
