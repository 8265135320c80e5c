"""JSON as the API speaks it: orjson, and an answer for every Python value a graph may hold.

The mapping of foreign types follows the official server, so that clients see the same shapes.
"""

import base64
import re
from collections import deque
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
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


def _without_surrogates(value: Any) -> Any:
    """The value with lone surrogates, which are not Unicode text, replaced by `?`."""
    if isinstance(value, str):
        return _SURROGATES.sub("?", value)
    if isinstance(value, Mapping):
        return {_without_surrogates(k): _without_surrogates(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset | deque):
        return [_without_surrogates(item) for item in value]
    if value is None or isinstance(value, int | float | bytes):
        return value
    return _without_surrogates(_default(value))


def dumps(value: Any) -> bytes:
    """Encode to compact JSON. Values of unknown types become null; this never fails on content.

    Raises TypeError only for structures orjson refuses as such (recursion, integers over 64 bits).
    """
    try:
        return orjson.dumps(value, _default, _OPTIONS)
    except orjson.JSONEncodeError as error:
        if "surrogates" not in str(error):
            raise
        return orjson.dumps(_without_surrogates(value), _default, _OPTIONS)


def dumps_for_postgres(value: Any) -> str:
    """Encode for a `jsonb` column, which cannot hold U+0000; it becomes U+FFFD."""
    text = dumps(value).decode("utf-8")
    return replace_nul(text) if "\\u0000" in text else text


def replace_nul(text: str) -> str:
    """Replace the escape of NUL, but not an escaped backslash that merely stands before `u0000`."""
    return re.sub(r"(?<!\\)((?:\\\\)*)\\u0000", r"\1\\ufffd", text)


loads = orjson.loads
