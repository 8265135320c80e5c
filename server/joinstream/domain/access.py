"""Whose things a caller may touch: filters on metadata, in a form that storage can apply.

A handler's filter becomes a tuple of documents, its alternatives: metadata passes when it contains
one of them. `{"owner": "ann", "$or": [{"team": "a"}, {"tags": {"$contains": "b"}}]}` becomes
`({"owner": "ann", "team": "a"}, {"owner": "ann", "tags": ["b"]})`. Containment is jsonb's `@>`, so
one parameter and one index serve every filter there can be.
"""

from collections.abc import Iterable, Mapping
from typing import Any

Filter = tuple[dict[str, Any], ...] | None
"""Documents of which the metadata must contain one; None lets everything pass, () nothing."""

MAX_DOCUMENTS = 256
"""Filters with more alternatives than this are mistakes."""

_SCALARS = (str, int, float, bool, type(None))


def compile_filter(filter: Mapping[str, Any]) -> Filter:
    """The documents of a handler's filter: equality, $eq, $contains, $or and $and.

    Raises ValueError, naming the key, for anything else.
    """
    documents = _all_of(_of_entry(key, condition) for key, condition in filter.items())
    return None if documents == ({},) else documents


def _of_entry(key: str, condition: Any) -> tuple[dict[str, Any], ...]:
    if key in ("$or", "$and"):
        if not isinstance(condition, list | tuple) or not condition:
            raise ValueError(f"{key} needs a list of filters")
        parts = [_branch(part, key) for part in condition]
        return _all_of(parts) if key == "$and" else tuple(doc for part in parts for doc in part)
    if key.startswith("$"):
        raise ValueError(f"{key} is not an operator; there are $or, $and, $eq and $contains")
    if not isinstance(condition, Mapping):
        return ({key: _scalar(condition, key)},)
    return _all_of(_of_operator(key, name, value) for name, value in condition.items())


def _branch(part: Any, key: str) -> tuple[dict[str, Any], ...]:
    if not isinstance(part, Mapping):
        raise ValueError(f"{key} needs a list of filters, not of {type(part).__name__}")
    return _all_of(_of_entry(name, condition) for name, condition in part.items())


def _of_operator(key: str, operator: str, value: Any) -> tuple[dict[str, Any], ...]:
    if operator == "$eq":
        return ({key: _scalar(value, key)},)
    if operator == "$contains":
        values = value if isinstance(value, list | tuple) else [value]
        return ({key: [_scalar(item, key) for item in values]},)
    raise ValueError(f"{key}: {operator} is not an operator; there are $eq and $contains")


def _scalar(value: Any, key: str) -> Any:
    if not isinstance(value, _SCALARS):
        raise ValueError(f"{key}: compare with text, a number, a truth value or None")
    return value


def _all_of(parts: Iterable[tuple[dict[str, Any], ...]]) -> tuple[dict[str, Any], ...]:
    """Every way to satisfy all parts: each of one's documents merged with each of the others'."""
    documents: tuple[dict[str, Any], ...] = ({},)
    for part in parts:
        merged = [_merged(one, other) for one in documents for other in part]
        documents = tuple(document for document in merged if document is not None)
        if len(documents) > MAX_DOCUMENTS:
            raise ValueError(f"the filter has more than {MAX_DOCUMENTS} alternatives")
    return documents


def _merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any] | None:
    """One document that asks for both; None when no metadata can satisfy both."""
    merged = dict(one)
    for key, wanted in other.items():
        if key not in merged:
            merged[key] = wanted
        elif isinstance(merged[key], list) and isinstance(wanted, list):
            merged[key] = [*merged[key], *wanted]
        elif not _same(merged[key], wanted):
            return None
    return merged


def _same(one: Any, other: Any) -> bool:
    """Equality as in JSON, where true is not 1."""
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def metadata_of(value: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata that a handler has left in its `value`."""
    metadata = value.get("metadata")
    return dict(metadata) if isinstance(metadata, Mapping) else {}
