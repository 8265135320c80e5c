"""Values to bytes and back, with errors that say which value it was."""

from collections.abc import Iterator
from typing import Any

from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from pydantic import BaseModel

from joinstream.checkpoint.ciphers import explain_missing
from joinstream.errors import EncryptionFailed, Unserializable

Blob = tuple[str, bytes]
"""A serialised value: the kind of encoding, as the serializer names it, and the bytes."""


def dump(serde: SerializerProtocol, channel: str, value: Any) -> Blob:
    """Serialise.

    Raises Unserializable naming the channel, the place within it and the type; EncryptionFailed.
    """
    try:
        kind, data = serde.dumps_typed(value)
    except EncryptionFailed:
        raise
    except Exception as error:
        place, culprit = _find_culprit(serde, channel, value)
        type_ = type(culprit)
        raise Unserializable(
            f"Channel {channel!r} cannot be stored in a checkpoint: {place} is a "
            f"{type_.__module__}.{type_.__qualname__} ({error})."
        ) from error
    # A bytearray is handed through as it is, and may change.
    return kind, bytes(data)


def load(serde: SerializerProtocol, blob: Blob) -> Any:
    """The value again. Raises EncryptionFailed when what decrypts it is not configured."""
    try:
        return serde.loads_typed(blob)
    except NotImplementedError as error:
        _, encrypted, cipher = blob[0].partition("+")
        if not encrypted:
            raise
        raise EncryptionFailed(explain_missing(cipher)) from error


def can_be_split(serde: SerializerProtocol) -> bool:
    """Whether a list serialised in pieces reads back exactly as one serialised whole.

    Known of LangGraph's own serializer, also inside of its encryption; any other is not asked to.
    """
    inner = serde.serde if isinstance(serde, EncryptedSerializer) else serde
    return isinstance(inner, JsonPlusSerializer)


def _find_culprit(serde: SerializerProtocol, place: str, value: Any) -> tuple[str, Any]:
    """The innermost value that fails by itself, and the way to it."""
    for step, child in _children(value):
        try:
            serde.dumps_typed(child)
        except RecursionError:
            break
        except Exception:
            return _find_culprit(serde, place + step, child)
    return place, value


def _children(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        yield from ((f"[{key!r}]", child) for key, child in value.items())
    elif isinstance(value, list | tuple | set | frozenset):
        yield from ((f"[{index}]", child) for index, child in enumerate(value))
    elif isinstance(value, BaseModel):
        yield from ((f".{name}", child) for name, child in value)
