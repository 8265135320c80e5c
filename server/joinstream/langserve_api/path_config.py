"""Configs that stand in a path, as the links of LangServe's playground have them.

They are JSON, packed as lz-string packs text for URLs: into numbers, each of an entry in a
dictionary that grows with what was read. A number is as wide as the dictionary needs, with its
least bit first; each letter has six bits.
"""

from collections.abc import Iterator
from typing import Any

import orjson
from starlette.requests import Request

from joinstream.encoding import loads
from joinstream.errors import Unprocessable
from joinstream.http.parse import validated
from joinstream.langserve_api.schemas import PathConfig

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-$"
_BITS_OF_LETTER = 6
_LITERAL_BITS = {0: 8, 1: 16}
"""The widths of characters that are new, by the numbers that announce them."""
_END = 2
_LONGEST = 100_000


def with_path_config(request: Request, config: dict[str, Any]) -> dict[str, Any]:
    """The call's config upon that of the path, if that has one. Raises Unprocessable."""
    packed = request.path_params.get("config_hash")
    if packed is None:
        return config
    try:
        given = loads(unpacked(packed))
    except (ValueError, orjson.JSONDecodeError):
        raise Unprocessable("config_hash: is no config of LangServe's playground.") from None
    path = validated({"config": given}, PathConfig).config
    merged = {**path, **config}
    for name in ("configurable", "metadata"):
        merged[name] = {**(path.get(name) or {}), **(config.get(name) or {})}
    return merged


def unpacked(packed: str) -> str:
    """Raises ValueError for what is not packed text, or much too long."""
    numbers = _Numbers(packed)
    known = ["", "", ""]
    width = 2
    before = ""
    text: list[str] = []
    length = 0
    while (number := numbers.next(width)) != _END:
        if number in _LITERAL_BITS:
            known.append(chr(numbers.next(_LITERAL_BITS[number])))
            number = len(known) - 1
        if number > len(known) or (number == len(known) and not before):
            raise ValueError("a number stands for nothing yet")
        entry = known[number] if number < len(known) else before + before[0]
        if before:
            known.append(before + entry[0])
        text.append(entry)
        length += len(entry)
        if length > _LONGEST:
            raise ValueError("it is too long")
        before = entry
        width = _width(len(known))
    return "".join(text)


def _width(known: int) -> int:
    """Of the next number: that may also be one for what is about to be known."""
    return max(3, known.bit_length())


class _Numbers:
    def __init__(self, packed: str) -> None:
        self._bits = self._read(packed)

    def next(self, width: int) -> int:
        try:
            return sum(next(self._bits) << place for place in range(width))
        except (StopIteration, RuntimeError):
            raise ValueError("it is cut off") from None

    @staticmethod
    def _read(packed: str) -> Iterator[int]:
        for letter in packed:
            value = _LETTERS.index(letter)
            for place in reversed(range(_BITS_OF_LETTER)):
                yield value >> place & 1
