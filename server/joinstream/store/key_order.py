"""Keeps the order of keys in what a run is given. `jsonb` sorts them, by length and then by bytes.

A graph may print its input, into a prompt for example; so it has to get it as it was sent. In the
kwargs of a run, and the payload of a cron, `key_order` has a `[path, keys]` for each object that
Postgres would reorder. A path that leads nowhere is passed over: the value may have been encrypted
anew since.
"""

from collections.abc import Iterator, Mapping
from typing import Any

_KEY_ORDER = "key_order"
_PARTS = ("input", "command", "context")
"""What a graph gets as it is."""

_Path = tuple[str | int, ...]


def with_key_order(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The kwargs, or a cron's payload, to store."""
    orders = list(_orders_in({part: kwargs[part] for part in _PARTS if part in kwargs}))
    return {**kwargs, _KEY_ORDER: orders} if orders else dict(kwargs)


def in_key_order(stored: Mapping[str, Any]) -> dict[str, Any]:
    """What was stored, as it was before `with_key_order`. Objects in them are changed in place."""
    kwargs = dict(stored)
    for path, keys in kwargs.pop(_KEY_ORDER, ()):
        value = _at(path, kwargs)
        if isinstance(value, dict):
            items = {key: value[key] for key in (*keys, *value) if key in value}
            value.clear()
            value.update(items)
    return kwargs


def _orders_in(parts: dict[str, Any]) -> Iterator[tuple[_Path, list[str]]]:
    waiting: list[tuple[_Path, Any]] = [((part,), value) for part, value in parts.items()]
    while waiting:
        path, value = waiting.pop()
        inner: Any = ()
        if isinstance(value, dict):
            if list(value) != sorted(value, key=_in_postgres):
                yield path, list(value)
            inner = value.items()
        elif isinstance(value, list):
            inner = enumerate(value)
        waiting += [((*path, key), each) for key, each in inner if isinstance(each, dict | list)]


def _in_postgres(key: str) -> tuple[int, bytes]:
    text = key.encode(errors="replace")
    return len(text), text


def _at(path: list[str | int], value: Any) -> Any:
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    return value
