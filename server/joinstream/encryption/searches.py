"""Searching where some of what is stored is encrypted."""

from collections.abc import Iterator
from typing import Any

import structlog

from joinstream.encryption.fields import FieldCipher, Model
from joinstream.encryption.json_ciphers import Document
from joinstream.encryption.marks import PLAIN, Seal, read_mark
from joinstream.errors import EncryptionFailed, HandlerFailed, Unprocessable

log = structlog.get_logger(__name__)

UNDECRYPTABLE = "__undecryptable__"
"""In lists, the key of the object in the place of a value that cannot be decrypted."""
_PRIVATE = "The project's handler could not decrypt it; the server's log says why."


async def require_searchable(
    fields: FieldCipher,
    model: Model,
    field: str,
    wanted: Document | None,
    *,
    called: str | None = None,
) -> None:
    """Raises Unprocessable when a value that is looked for would not be stored as it is.

    `called` is what the client calls the field, if it is something else.

    It is encrypted to see: a handler decides by itself what it leaves plain. One that fails keeps
    nobody from searching.
    """
    if not wanted:
        return
    try:
        sealed = await fields.seal(model, field, wanted)
    except HandlerFailed:
        return
    if hidden := list(_sealed_in(sealed, called or field)):
        raise Unprocessable(
            f"{', '.join(hidden)}: encrypted, so nothing can be found by it. Search by what is "
            "stored in plain text."
        )


def _sealed_in(value: Any, path: str) -> Iterator[str]:
    if (mark := read_mark(value)) is not None:
        if mark.seal.cipher != PLAIN:
            yield path
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from _sealed_in(each, f"{path}.{key}")
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _sealed_in(each, f"{path}[{index}]")


class ListedFields(FieldCipher):
    """Opens the fields of rows in a list, where one that cannot be decrypted must not cost the
    others: in the place of its values is an object that says so. It is not for what is written.
    """

    def __init__(self, fields: FieldCipher) -> None:
        super().__init__(None, fields.reading)

    async def _opened_alike(
        self, model: Model, field: str, seal: Seal, document: Document
    ) -> Document:
        try:
            return await super()._opened_alike(model, field, seal, document)
        except EncryptionFailed as error:
            log.error(
                "a row of a list cannot be decrypted", model=model, field=field, exc_info=error
            )
            why = _PRIVATE if isinstance(error, HandlerFailed) else str(error)
            return {key: {UNDECRYPTABLE: why} for key in document}
