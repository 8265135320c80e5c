"""JSON as the API speaks it: orjson, and an answer for every Python value a graph may hold.

The mapping of foreign types follows the official server, so that clients see the same shapes.
"""

import base64
import re
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, is_dataclass
from datetime import timedelta
from decimal import Decimal
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from math import inf
from pathlib import PurePath
from typing import Any
from uuid import UUID

import orjson
from langchain_core.messages import BaseMessage
from langgraph.types import Send

_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS
_SURROGATES = re.compile("[\ud800-\udfff]")
_AS_TEXT = (UUID, PurePath, IPv4Address, IPv6Address, IPv4Network, IPv6Network)


def _default(value: Any) -> Any:
    if isinstance(value, BaseMessage):
        return value.model_dump()
    if isinstance(value, Send):
        return {"node": value.node, "args": value.arg}
    if hasattr(value, "model_dump") and callable(value.model_dump) and not isinstance(value, type):
        return value.model_dump()
    if hasattr(value, "_asdict") and callable(value._asdict):
        return value._asdict()
    if hasattr(value, "dict") and callable(value.dict) and not isinstance(value, type):
        return value.dict()
    if isinstance(value, set | frozenset | deque):
        return list(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, _AS_TEXT):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    return None


def _plain(value: Any) -> Any:
    """The value as orjson takes it: `?` for lone surrogates, which are not Unicode text, floats for
    integers over 64 bits, as when they are read, and text for keys of other kinds.
    """
    if isinstance(value, str):
        return _SURROGATES.sub("?", value)
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return _nearest_float(value)
    if value is None or isinstance(value, int | float):
        return value
    if isinstance(value, Mapping):
        return {_plain_key(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset | deque):
        return [_plain(item) for item in value]
    try:
        return orjson.Fragment(orjson.dumps(value, _default, _OPTIONS))
    except orjson.JSONEncodeError:
        is_record = is_dataclass(value) and not isinstance(value, type)
        return _plain(asdict(value) if is_record else _default(value))


def _nearest_float(number: int) -> float:
    try:
        return float(number)
    except OverflowError:
        return inf  # which becomes null


def _plain_key(key: Any) -> Any:
    if isinstance(key, str | int):
        return _plain(key)
    try:
        orjson.dumps({key: None}, option=_OPTIONS)
    except orjson.JSONEncodeError:
        return _plain(str(key))
    return key


def dumps(value: Any) -> bytes:
    """Encode to compact JSON. Values of unknown types become null; this never fails on content.

    Raises TypeError only for what is nested too deeply, or without end.
    """
    try:
        return orjson.dumps(value, _default, _OPTIONS)
    except orjson.JSONEncodeError:
        with suppress(RecursionError):
            return orjson.dumps(_plain(value), _default, _OPTIONS)
        raise


def dumps_for_postgres(value: Any) -> str:
    """Encode for a `jsonb` column, which cannot hold U+0000; it becomes U+FFFD."""
    text = dumps(value).decode("utf-8")
    return replace_nul(text) if "\\u0000" in text else text


def replace_nul(text: str) -> str:
    """Replace the escape of NUL, but not an escaped backslash that merely stands before `u0000`."""
    return re.sub(r"(?<!\\)((?:\\\\)*)\\u0000", r"\1\\ufffd", text)


loads = orjson.loads
