"""Seals and opens fields: JSON columns, and the parts of them that are documents of their own."""

import asyncio
from collections.abc import Mapping
from typing import Any, Literal

import orjson

from joinstream.domain.reserved import SERVERS_OWN
from joinstream.encoding import dumps_for_postgres, loads
from joinstream.encryption.context import current_context, keys_filtered_by
from joinstream.encryption.json_ciphers import Document, JsonCipher
from joinstream.encryption.marks import (
    PLAIN,
    Seal,
    looks_like_mark,
    marked,
    marks_in,
    without_marks,
)
from joinstream.errors import EncryptionFailed, Unprocessable

Model = Literal["assistant", "thread", "run", "cron", "store", "checkpoint"]

_PARTS: Mapping[str, tuple[str, ...]] = {
    "kwargs": ("input", "command", "config", "context"),
    "payload": ("input", "command", "config", "context", "metadata"),
}
"""Fields of which nothing is encrypted but these parts."""

_CONFIG_PARTS = ("configurable", "metadata")
"""Documents within a config; the database merges their keys."""

_OF_CHECKPOINTS = frozenset({"source", "step", "parents", "run_attempt"})


class FieldCipher:
    """Encrypts by `writing`; decrypts whatever one of `reading` has encrypted.

    `writing` None: nothing new is encrypted. Then only what looks encrypted is put into a mark, so
    that it comes back as it was sent.
    """

    def __init__(self, writing: JsonCipher | None, reading: Mapping[str, JsonCipher]) -> None:
        self.writing = writing
        self.reading = reading

    async def seal(self, model: Model, field: str, value: Any) -> Any:
        """The value as it is to be stored, as plain JSON with marks.

        Raises EncryptionFailed, and Unprocessable for what no column could hold.
        """
        if value is None:
            return value
        try:
            plain = _as_json(value)
        except TypeError as error:
            raise Unprocessable(f"{field}: cannot be stored: {error}.") from error
        return await self._sealed(model, field, plain)

    async def _sealed(self, model: Model, field: str, value: Any) -> Any:
        if field in _PARTS:
            parts = {part: value[part] for part in _PARTS[field] if value.get(part) is not None}
            return {**value, **await self._each_sealed(model, parts)}
        if field == "config":
            parts = {key: value[key] for key in _CONFIG_PARTS if isinstance(value.get(key), dict)}
            rest = {key: each for key, each in value.items() if key not in parts}
            return {
                **await self._document_sealed(model, field, rest),
                **await self._each_sealed(model, parts),
            }
        if isinstance(value, dict) and not looks_like_mark(value):
            return await self._document_sealed(model, field, value)
        return (await self._document_sealed(model, field, {field: value}))[field]

    async def _each_sealed(self, model: Model, parts: Document) -> Document:
        sealed = await asyncio.gather(
            *(self._sealed(model, part, value) for part, value in parts.items())
        )
        return dict(zip(parts, sealed, strict=True))

    async def _document_sealed(self, model: Model, field: str, document: Document) -> Document:
        given = {
            key: each for key, each in document.items() if not _is_servers_own(model, field, key)
        }
        if not given:
            return document
        encrypted, seal = await self._encrypted(self.writing, model, field, given)
        sealed: Document = marked(given, encrypted, seal)
        if field == "metadata":
            _require_plain(model, given, sealed)
        return {key: sealed.get(key, each) for key, each in document.items()}

    async def _encrypted(
        self, cipher: JsonCipher | None, model: Model, field: str, given: Document
    ) -> tuple[Document, Seal]:
        if cipher is None:
            return given, Seal(PLAIN, {})
        context = current_context()
        # a copy: a handler may change what it is given
        answer = await cipher.encrypt(_as_json(given), model, field, context)
        encrypted = _checked(answer, given, f"encrypting {model} {field}")
        return _storable(encrypted, model, field), Seal(cipher.name, context)

    async def open(self, model: Model, field: str, value: Any) -> Any:
        """The value as it was before it was sealed. Raises EncryptionFailed."""
        if value is None:
            return value
        if field in _PARTS:
            return await self._parts_opened(model, value, _PARTS[field])
        if field == "config":
            value = await self._parts_opened(model, value, _CONFIG_PARTS)
        if isinstance(value, dict) and not looks_like_mark(value):
            return await self._document_opened(model, field, value)
        return (await self._document_opened(model, field, {field: value}))[field]

    async def _parts_opened(
        self, model: Model, value: Document, parts: tuple[str, ...]
    ) -> Document:
        there = [part for part in parts if part in value]
        opened = await asyncio.gather(*(self.open(model, part, value[part]) for part in there))
        return {**value, **dict(zip(there, opened, strict=True))}

    async def _document_opened(self, model: Model, field: str, stored: Document) -> Document:
        """Values are opened together that were sealed by one cipher in one context."""
        groups: dict[bytes, tuple[Seal, Document]] = {}
        opened = dict(stored)
        for key, value in stored.items():
            if (seal := _seal_of(value)) is None:
                continue
            if seal.cipher == PLAIN:
                opened[key] = without_marks(value)
            else:
                same = orjson.dumps([*seal], option=orjson.OPT_SORT_KEYS)
                groups.setdefault(same, (seal, {}))[1][key] = value
        for seal, document in groups.values():
            opened.update(await self._opened_alike(model, field, seal, document))
        return opened

    async def _opened_alike(
        self, model: Model, field: str, seal: Seal, document: Document
    ) -> Document:
        cipher = self._cipher_named(seal.cipher)
        answer = await cipher.decrypt(document, model, field, seal.context)
        return _checked(answer, document, f"decrypting {model} {field}")

    def _cipher_named(self, name: str) -> JsonCipher:
        if name not in self.reading:
            raise EncryptionFailed(f"A field cannot be decrypted: {remedy_for(name)}.")
        return self.reading[name]


def remedy_for(cipher: str) -> str:
    """What has to be configured before fields encrypted by this cipher can be read."""
    remedy = {
        "aes": "set LANGGRAPH_AES_KEY",
        "custom": "name the JSON handlers under `encryption` in langgraph.json",
    }.get(cipher, "it was not written by this server")
    return f"it was encrypted with {cipher!r}; {remedy}"


def _seal_of(value: Any) -> Seal | None:
    """How the value was sealed: the same all over, or left as it was. None: it was not."""
    seal = None
    for mark in marks_in(value):
        seal = mark.seal
        if seal.cipher != PLAIN:
            break
    return seal


def _is_servers_own(model: Model, field: str, key: str) -> bool:
    if field not in ("metadata", "configurable", "config"):
        return False
    return (
        key in SERVERS_OWN
        or key.startswith("__")
        or (model == "checkpoint" and key in _OF_CHECKPOINTS)
    )


def _as_json(value: Any) -> Any:
    return loads(dumps_for_postgres(value))


def _checked(answer: Any, given: Document, what: str) -> Document:
    """What a cipher answered, as plain JSON with the keys it was given."""
    if not isinstance(answer, dict) or answer.keys() != given.keys():
        got = ", ".join(map(repr, answer)) if isinstance(answer, dict) else type(answer).__name__
        raise EncryptionFailed(
            f"The project's handler for {what} must answer with the keys it was given, "
            f"{', '.join(map(repr, given))}; it answered with {got}."
        )
    try:
        text = orjson.dumps(answer)
    except TypeError as error:
        raise EncryptionFailed(
            f"The project's handler for {what} must answer with JSON: {error}."
        ) from error
    document: Document = loads(text)
    return document


def _storable(encrypted: Document, model: Model, field: str) -> Document:
    if encrypted != _as_json(encrypted):
        raise EncryptionFailed(
            f"The project's handler for encrypting {model} {field} answered with U+0000, which "
            "Postgres cannot hold: encode ciphertext, for example in base64."
        )
    return encrypted


def _require_plain(model: Model, given: Document, sealed: Document) -> None:
    for key in keys_filtered_by():
        if key in given and sealed[key] != given[key]:
            raise EncryptionFailed(
                f"{model} metadata: {key!r} must not be encrypted: an auth handler filters by it, "
                "and nobody would ever find this again."
            )
