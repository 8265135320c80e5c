"""Ciphers of JSON documents. They may change values, and nothing else."""

import base64
from collections.abc import Mapping
from typing import Any, Protocol

import orjson
from langgraph.checkpoint.serde.base import CipherProtocol
from langgraph_sdk.encryption import Encryption
from langgraph_sdk.encryption.types import EncryptionContext

from joinstream.encoding import dumps_for_postgres, loads
from joinstream.encryption.aes import AesCipher
from joinstream.encryption.handlers import called, plaintext_of
from joinstream.encryption.marks import PLAIN, looks_like_mark, marked_as, read_mark, without_marks

Document = dict[str, Any]


class JsonCipher(Protocol):
    """`model` and `field` say what the document is, as `EncryptionContext` does. Decrypting may
    not depend on them: a value may lie elsewhere by then."""

    @property
    def name(self) -> str: ...

    async def encrypt(
        self, document: Document, model: str, field: str, context: Mapping[str, Any]
    ) -> Document:
        """The document with other values under the same keys. Raises EncryptionFailed."""
        ...

    async def decrypt(
        self, document: Document, model: str, field: str, context: Mapping[str, Any]
    ) -> Document:
        """The plain document, of one with marks. Raises EncryptionFailed."""
        ...


class HandlerJsonCipher:
    """The JSON handlers of the project's `Encryption` object."""

    name = "custom"

    def __init__(self, encryption: Encryption) -> None:
        encryptor, decryptor = encryption.get_json_encryptor(), encryption.get_json_decryptor()
        assert encryptor is not None
        assert decryptor is not None
        self._encryptor, self._decryptor = encryptor, decryptor

    async def encrypt(
        self, document: Document, model: str, field: str, context: Mapping[str, Any]
    ) -> Document:
        async def work() -> Document:
            return await self._encryptor(EncryptionContext(model, dict(context), field), document)

        return await called(work(), f"{model} {field} could not be encrypted")

    async def decrypt(
        self, document: Document, model: str, field: str, context: Mapping[str, Any]
    ) -> Document:
        async def work() -> Document:
            asked = EncryptionContext(model, dict(context), field)
            return plaintext_of(await self._decryptor(asked, without_marks(document)))

        return await called(work(), f"{model} {field} could not be decrypted")


class AesJsonCipher:
    """AES for the values of certain keys, wherever in a document they stand."""

    name = "aes"

    def __init__(self, cipher: CipherProtocol, keys: frozenset[str]) -> None:
        self._cipher = cipher
        self._keys = keys

    async def encrypt(
        self, document: Document, model: str, field: str, context: Mapping[str, Any]
    ) -> Document:
        return {key: self._encrypted(key, value) for key, value in document.items()}

    async def decrypt(
        self, document: Document, model: str, field: str, context: Mapping[str, Any]
    ) -> Document:
        return {key: self._decrypted(value) for key, value in document.items()}

    def sealed(self, value: Any) -> str:
        """One value."""
        _, data = self._cipher.encrypt(orjson.dumps(value))
        return base64.b64encode(data).decode()

    def opened(self, text: str) -> Any:
        """One value again. Raises EncryptionFailed."""
        return orjson.loads(self._cipher.decrypt(self.name, base64.b64decode(text)))

    def _encrypted(self, key: str | None, value: Any) -> Any:
        if (key in self._keys and value is not None) or looks_like_mark(value):
            return self.sealed(value)
        if isinstance(value, dict):
            return {name: self._encrypted(name, each) for name, each in value.items()}
        if isinstance(value, list):
            return [self._encrypted(None, each) for each in value]
        return value

    def _decrypted(self, value: Any) -> Any:
        if (mark := read_mark(value)) is not None:
            return mark.value if mark.seal.cipher == PLAIN else self.opened(mark.value)
        if isinstance(value, dict):
            return {name: self._decrypted(each) for name, each in value.items()}
        if isinstance(value, list):
            return [self._decrypted(each) for each in value]
        return value


def renewed_document(aes: AesCipher, text: str) -> str:
    """Stored JSON, with what AES has encrypted in it encrypted with the newest key.

    The same text when nothing needs a former key. Raises EncryptionFailed.
    """
    stored = loads(text)
    renewed = _renewed(aes, stored)
    return text if renewed == stored else dumps_for_postgres(renewed)


def _renewed(aes: AesCipher, value: Any) -> Any:
    if (mark := read_mark(value)) is not None:
        if mark.seal.cipher != AesCipher.name:
            return value
        ciphertext = aes.renewed(base64.b64decode(mark.value))
        return marked_as(mark.seal, base64.b64encode(ciphertext).decode())
    if isinstance(value, dict):
        return {key: _renewed(aes, each) for key, each in value.items()}
    if isinstance(value, list):
        return [_renewed(aes, each) for each in value]
    return value
