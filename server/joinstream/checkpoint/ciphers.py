"""How checkpoints are encrypted: by AES with one key, or by the project's own handlers.

Each ciphertext is stored with the name of its cipher, so what was written before encryption was
switched on, or changed from the one kind to the other, can still be read.
"""

from typing import Any

import orjson
from langgraph.checkpoint.serde.base import CipherProtocol
from langgraph_sdk.encryption import Encryption
from langgraph_sdk.encryption.types import EncryptionContext

from joinstream.encryption.aes import AesCipher
from joinstream.encryption.context import current_context
from joinstream.encryption.handlers import called_from_thread, plaintext_of
from joinstream.errors import EncryptionFailed

_HEAD_BYTES = 4
"""How long the context is that stands before a ciphertext."""


class HandlerCipher(CipherProtocol):
    """The blob handlers of the project's `Encryption` object, which are asynchronous.

    The caller waits: a handler that asks a remote service for each value holds up the event loop it
    is called on. The context of what is encrypted is stored before the ciphertext.
    """

    name = "custom"
    name_with_context = "custom-in-context"

    def __init__(self, encryption: Encryption) -> None:
        # The SDK has getters for the JSON handlers only.
        encryptor, decryptor = encryption._blob_encryptor, encryption._blob_decryptor
        assert encryptor is not None
        assert decryptor is not None
        self._encryptor, self._decryptor = encryptor, decryptor

    def encrypt(self, plaintext: bytes) -> tuple[str, bytes]:
        context = dict(current_context())
        ciphertext = called_from_thread(
            self._encrypt(context, plaintext), "A checkpoint could not be encrypted"
        )
        if not context:
            return self.name, ciphertext
        head = orjson.dumps(context)
        return self.name_with_context, len(head).to_bytes(_HEAD_BYTES) + head + ciphertext

    def decrypt(self, ciphername: str, ciphertext: bytes) -> bytes:
        context: dict[str, Any] = {}
        if ciphername == self.name_with_context:
            end = _HEAD_BYTES + int.from_bytes(ciphertext[:_HEAD_BYTES])
            context, ciphertext = orjson.loads(ciphertext[_HEAD_BYTES:end]), ciphertext[end:]
        return called_from_thread(
            self._decrypt(context, ciphertext), "A checkpoint could not be decrypted"
        )

    async def _encrypt(self, context: dict[str, Any], plaintext: bytes) -> bytes:
        return await self._encryptor(EncryptionContext("checkpoint", context), plaintext)

    async def _decrypt(self, context: dict[str, Any], ciphertext: bytes) -> bytes:
        return plaintext_of(
            await self._decryptor(EncryptionContext("checkpoint", context), ciphertext)
        )


class CiphersByName(CipherProtocol):
    """Encrypts with the first cipher, and decrypts with the one a value was encrypted with."""

    def __init__(self, *ciphers: AesCipher | HandlerCipher) -> None:
        self._writing = ciphers[0]
        self._reading = {name: cipher for cipher in ciphers for name in _names(cipher)}

    def encrypt(self, plaintext: bytes) -> tuple[str, bytes]:
        return self._writing.encrypt(plaintext)

    def decrypt(self, ciphername: str, ciphertext: bytes) -> bytes:
        if ciphername not in self._reading:
            raise EncryptionFailed(explain_missing(ciphername))
        return self._reading[ciphername].decrypt(ciphername, ciphertext)


def _names(cipher: AesCipher | HandlerCipher) -> tuple[str, ...]:
    if isinstance(cipher, HandlerCipher):
        return cipher.name, cipher.name_with_context
    return (cipher.name,)


def explain_missing(ciphername: str) -> str:
    """What has to be configured before something encrypted by this cipher can be read."""
    remedy = {
        AesCipher.name: "set LANGGRAPH_AES_KEY",
        HandlerCipher.name: "name the handlers under `encryption` in langgraph.json",
        HandlerCipher.name_with_context: "name the handlers under `encryption` in langgraph.json",
    }.get(ciphername, "it was not written by this server")
    return f"A checkpoint cannot be decrypted: it was encrypted with {ciphername!r}; {remedy}."
