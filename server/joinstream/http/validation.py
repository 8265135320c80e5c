"""Turns pydantic's errors into lines a person can act on: `config.recursion_limit: …`."""

import re
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

_SHOWN_CHARACTERS = 80
_SHOULD = re.compile(r"^\w+ should ")
_JSON_NAMES: dict[type, str] = {dict: "an object", list: "an array", type(None): "null"}


def explain(error: ValidationError, value: Any) -> str:
    """One line for each field at fault: its path, what is wrong, what would be right.

    `value` is the input that was validated. A field that fits no member of a union has one line
    that names every alternative.
    """
    wishes: dict[str, list[str]] = {}
    found: dict[str, str] = {}
    for detail in error.errors(include_url=False):
        path = _path(detail, value)
        wish = _wish(detail)
        if wish not in wishes.setdefault(path, []):
            wishes[path].append(wish)
        if not _says_what_was_found(detail, value):
            found.setdefault(path, f", got {_shown(_found(detail, value))}")
    return "\n".join(
        f"{path}: {' or '.join(wishes[path])}{found.get(path, '')}." for path in wishes
    )


def _says_what_was_found(detail: ErrorDetails, value: Any) -> bool:
    """What is wrong inside of an object or an array is not told by calling it one."""
    kind = detail["type"]
    if kind in ("value_error", "too_short", "too_long"):
        return isinstance(_found(detail, value), dict | list)
    return kind == "missing"


def _wish(detail: ErrorDetails) -> str:
    kind = detail["type"]
    if kind == "missing":
        return "is required"
    if kind == "none_required":
        return "must be null"
    if kind in ("model_type", "dict_type", "model_attributes_type"):
        return "must be an object"
    if kind == "value_error":
        return str(detail["ctx"]["error"])
    message = _SHOULD.sub("must ", detail["msg"]).partition(" after validation")[0]
    return message.partition(",")[0] if kind.endswith("_parsing") else message


def _path(detail: ErrorDetails, value: Any) -> str:
    """The field as a client writes it: `a.b[0]`, without pydantic's names of union members."""
    path = ""
    for key in _real_keys(detail, value):
        path += f"[{key}]" if isinstance(key, int) else f".{key}" if path else str(key)
    return path or "body"


def _real_keys(detail: ErrorDetails, value: Any) -> list[str | int]:
    keys: list[str | int] = []
    last = len(detail["loc"]) - 1
    for position, key in enumerate(detail["loc"]):
        if _has(value, key):
            value = value[key]
            keys.append(key)
        elif position == last and detail["type"] == "missing":
            keys.append(key)
    return keys


def _has(value: Any, key: str | int) -> bool:
    if isinstance(value, dict):
        return key in value
    return isinstance(value, list) and isinstance(key, int) and key < len(value)


def _found(detail: ErrorDetails, value: Any) -> Any:
    for key in _real_keys(detail, value):
        value = value[key]
    return value


def _shown(value: Any) -> str:
    if type(value) in _JSON_NAMES:
        return _JSON_NAMES[type(value)]
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"


def one_of(names: Sequence[str]) -> str:
    """`a, b or c`, for messages that list what is allowed."""
    *most, last = names
    return f"{', '.join(most)} or {last}" if most else last
