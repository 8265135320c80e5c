"""Marks in JSON documents: which values are encrypted, and how to open them.

A mark is an object with one key, `{"__encrypted__": [cipher, context, value]}`, in the place of the
value. What a client sends that looks like one is put into a mark too, whose cipher is `plain`.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

_KEY = "__encrypted__"
PLAIN = "plain"


class Seal(NamedTuple):
    """How a value was encrypted: the cipher's name, and the context (empty for none)."""

    cipher: str
    context: Mapping[str, Any]


class Mark(NamedTuple):
    """A value as its cipher has made it."""

    seal: Seal
    value: Any


def marked(plain: Any, encrypted: Any, seal: Seal) -> Any:
    """The encrypted document, with a mark around every innermost value that has changed."""
    if looks_like_mark(plain):
        same = plain == encrypted
        return marked_as(Seal(PLAIN, {}) if same else seal, encrypted)
    if isinstance(plain, dict) and isinstance(encrypted, dict) and plain.keys() == encrypted.keys():
        return {key: marked(plain[key], encrypted[key], seal) for key in plain}
    if isinstance(plain, list) and isinstance(encrypted, list) and len(plain) == len(encrypted):
        return [marked(*pair, seal) for pair in zip(plain, encrypted, strict=True)]
    return plain if _are_same(plain, encrypted) else marked_as(seal, encrypted)


def marked_as(seal: Seal, value: Any) -> dict[str, Any]:
    """A value as a cipher has made it, in its mark."""
    return {_KEY: [seal.cipher, dict(seal.context) or None, value]}


def read_mark(value: Any) -> Mark | None:
    """None for a value that is no mark."""
    if not looks_like_mark(value):
        return None
    cipher, context, encrypted = value[_KEY]
    return Mark(Seal(cipher, context or {}), encrypted)


def looks_like_mark(value: Any) -> bool:
    if not isinstance(value, dict) or len(value) != 1:
        return False
    content = value.get(_KEY)
    return isinstance(content, list) and len(content) == 3 and isinstance(content[0], str)


def marks_in(value: Any) -> Iterator[Mark]:
    """Every mark within the value, or the value itself."""
    if (mark := read_mark(value)) is not None:
        yield mark
    elif isinstance(value, dict):
        for each in value.values():
            yield from marks_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from marks_in(each)


def without_marks(value: Any) -> Any:
    """The document as ciphers have made it."""
    if (mark := read_mark(value)) is not None:
        return mark.value
    if isinstance(value, dict):
        return {key: without_marks(each) for key, each in value.items()}
    if isinstance(value, list):
        return [without_marks(each) for each in value]
    return value


def _are_same(plain: Any, encrypted: Any) -> bool:
    """Equality as in JSON, where true is not 1."""
    return type(plain) is type(encrypted) and bool(plain == encrypted)
