"""Telling cheaply whether stretches of a list are what they were when they were last stored.

Nodes may change a message in place, so the identity of an object says nothing. A fingerprint holds
everything about the items that their serialised form depends on, yet takes a fraction of the time:
values that msgpack knows are packed as they are, messages by their fields, and the text of a
message is kept as a reference, since strings cannot change.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any, NamedTuple

import ormsgpack
from langchain_core import messages
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from joinstream.checkpoint.containers import read_head


class Fingerprint(NamedTuple):
    """Equal only for items that serialise alike: an outline, and the texts left out of it.

    `length` is the outline's own, in bytes, also where its hash stands for it.
    """

    length: int
    outline: bytes
    texts: tuple[str, ...]


class Piece(NamedTuple):
    """A stretch of items: how many, and their fingerprint (None: never the same as another's)."""

    size: int
    print: Fingerprint | None


_NATIVE = (
    ormsgpack.OPT_NON_STR_KEYS
    | ormsgpack.OPT_PASSTHROUGH_DATACLASS
    | ormsgpack.OPT_PASSTHROUGH_DATETIME
    | ormsgpack.OPT_PASSTHROUGH_ENUM
    | ormsgpack.OPT_PASSTHROUGH_UUID
    | ormsgpack.OPT_REPLACE_SURROGATES
)
"""LangGraph's own encoding without its extensions: what packs alike here, packs alike there."""

_SERIALIZER = JsonPlusSerializer()
"""For what msgpack does not know: slower, but knows all that can be split."""

_SERIALISED = -1
"""The `length` of fingerprints that are not made of an outline."""

_KEPT_WHOLE = 4096
"""Bytes up to which an outline stands for itself; a longer one is hashed, to save memory."""

_LEFT_OUT = ormsgpack.Ext(0, b"")
"""Stands in an outline where a text was; no value packs to it."""

_MESSAGE_TYPES = frozenset(
    kind
    for name in messages.__all__
    if isinstance(kind := getattr(messages, name), type) and issubclass(kind, messages.BaseMessage)
)
"""Exactly these, not their subclasses: those may serialise more than their fields."""


def piece_of(items: Any) -> Piece:
    """The piece a list or dict is."""
    packed = _pack(items)
    return Piece(len(items), _of_packed(*packed) if packed else _of_serialised(items))


def count_unchanged(items: Any, pieces: Sequence[Piece]) -> int:
    """With how many of these pieces a list or dict begins, as far as one look can tell."""
    packed = _pack(items)
    if packed is None:
        return 0
    outline, texts = packed
    at = text_at = 0
    for index, (_, wanted) in enumerate(pieces):
        if wanted is None or wanted.length == _SERIALISED:
            return index
        end, text_end = at + wanted.length, text_at + len(wanted.texts)
        if _kept(outline[at:end]) != wanted.outline:
            return index
        if tuple(texts[text_at:text_end]) != wanted.texts:
            return index
        at, text_at = end, text_end
    return len(pieces)


def _pack(items: Any) -> tuple[bytes, list[str]] | None:
    """The items' outline and texts; None if msgpack does not know one of the items."""
    texts: list[str] = []

    def outline_of(value: Any) -> Any:
        if type(value) not in _MESSAGE_TYPES:
            raise TypeError
        fields = value.__dict__
        if type(content := fields["content"]) is str:
            texts.append(content)
            fields = fields | {"content": _LEFT_OUT}
        return type(value).__name__, fields, value.__pydantic_extra__

    try:
        packed = ormsgpack.packb(items, outline_of, _NATIVE)
    except ormsgpack.MsgpackEncodeError:
        return None
    return packed[read_head(packed)[1] :], texts


def _of_packed(outline: bytes, texts: Sequence[str]) -> Fingerprint:
    return Fingerprint(len(outline), _kept(outline), tuple(texts))


def _kept(outline: bytes) -> bytes:
    return outline if len(outline) <= _KEPT_WHOLE else sha256(outline).digest()


def _of_serialised(items: Any) -> Fingerprint | None:
    try:
        return Fingerprint(_SERIALISED, sha256(_SERIALIZER.dumps_typed(items)[1]).digest(), ())
    except ormsgpack.MsgpackEncodeError:
        return None
