"""For whom is encrypted: the context of the request, run or cron that is being worked for."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

CONTEXT_KEY = "__encryption_context__"
"""Where a stored run's kwargs and a cron's payload hold the context they came with."""


@dataclass(frozen=True, slots=True)
class _Client:
    context: Mapping[str, Any] = field(default_factory=dict)
    filtered_by: set[str] = field(default_factory=set)


_CLIENT: ContextVar[_Client | None] = ContextVar("joinstream_encryption", default=None)


@contextmanager
def encrypting_for(context: Mapping[str, Any] | None) -> Iterator[None]:
    """Everything inside is encrypted in this context."""
    token = _CLIENT.set(_Client(context or {}))
    try:
        yield
    finally:
        _CLIENT.reset(token)


def current_context() -> Mapping[str, Any]:
    """Empty for what nobody gave a context for."""
    client = _CLIENT.get()
    return client.context if client else {}


def filters_by(keys: Iterable[str]) -> None:
    """Auth handlers find what is the caller's by these keys of metadata."""
    if (client := _CLIENT.get()) is not None:
        client.filtered_by.update(keys)


def keys_filtered_by() -> frozenset[str]:
    client = _CLIENT.get()
    return frozenset(client.filtered_by) if client else frozenset()
