"""How checkpoints are encrypted: by AES with one key, or by the project's own handlers.

Each ciphertext is stored with the name of its cipher, so what was written before encryption was
switched on, or changed from the one kind to the other, can still be read.
"""

import asyncio
from collections.abc import Coroutine
from functools import cache
from threading import Thread
from typing import Any, TypeVar

from langgraph.checkpoint.serde.base import CipherProtocol
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from langgraph_sdk.encryption import Encryption
from langgraph_sdk.encryption.types import DecryptResult, EncryptionContext

from joinstream.errors import EncryptionFailed, StartupError

T = TypeVar("T")

HANDLER_SECONDS = 30.0
"""How long a handler may take for one value."""


class AesCipher(CipherProtocol):
    """AES in EAX mode, as LangGraph's own `from_pycryptodome_aes` does it, and readable by that."""

    name = "aes"

    def __init__(self, key: bytes) -> None:
        """`key` has 16, 24 or 32 bytes. Raises StartupError when pycryptodome is missing."""
        try:
            self._cipher = EncryptedSerializer.from_pycryptodome_aes(key=key).cipher
        except ImportError:
            raise StartupError(
                "LANGGRAPH_AES_KEY is set, but pycryptodome is not installed: "
                "pip install 'joinstream[encryption]', or unset the variable."
            ) from None

    def encrypt(self, plaintext: bytes) -> tuple[str, bytes]:
        return self._cipher.encrypt(plaintext)

    def decrypt(self, ciphername: str, ciphertext: bytes) -> bytes:
        try:
            return self._cipher.decrypt(ciphername, ciphertext)
        except ValueError as error:
            raise EncryptionFailed(
                "A checkpoint cannot be decrypted: LANGGRAPH_AES_KEY is not the key it was "
                "encrypted with, or its bytes were changed."
            ) from error


class HandlerCipher(CipherProtocol):
    """The blob handlers of the project's `Encryption` object, which are asynchronous.

    They run on a thread and event loop of their own, and the caller waits: a handler that asks a
    remote service for each value holds up the event loop it is called on.
    """

    name = "custom"

    def __init__(self, encryption: Encryption) -> None:
        """Raises StartupError when one of the two handlers is missing."""
        # The SDK has getters for the JSON handlers only.
        encryptor, decryptor = encryption._blob_encryptor, encryption._blob_decryptor
        if encryptor is None or decryptor is None:
            missing = "encrypt" if encryptor is None else "decrypt"
            raise StartupError(
                f"encryption: there is no @encryption.{missing}.blob handler; checkpoints need one "
                "for encrypting and one for decrypting."
            )
        self._encryptor, self._decryptor = encryptor, decryptor

    def encrypt(self, plaintext: bytes) -> tuple[str, bytes]:
        ciphertext = _result_of("encrypted", self._encrypt(plaintext))
        return self.name, ciphertext

    def decrypt(self, ciphername: str, ciphertext: bytes) -> bytes:
        return _result_of("decrypted", self._decrypt(ciphertext))

    async def _encrypt(self, plaintext: bytes) -> bytes:
        return await self._encryptor(EncryptionContext(model="checkpoint"), plaintext)

    async def _decrypt(self, ciphertext: bytes) -> bytes:
        found = await self._decryptor(EncryptionContext(model="checkpoint"), ciphertext)
        return found.plaintext if isinstance(found, DecryptResult) else found


class CiphersByName(CipherProtocol):
    """Encrypts with the first cipher, and decrypts with the one a value was encrypted with."""

    def __init__(self, *ciphers: AesCipher | HandlerCipher) -> None:
        self._writing = ciphers[0]
        self._reading = {cipher.name: cipher for cipher in ciphers}

    def encrypt(self, plaintext: bytes) -> tuple[str, bytes]:
        return self._writing.encrypt(plaintext)

    def decrypt(self, ciphername: str, ciphertext: bytes) -> bytes:
        if ciphername not in self._reading:
            raise EncryptionFailed(explain_missing(ciphername))
        return self._reading[ciphername].decrypt(ciphername, ciphertext)


def explain_missing(ciphername: str) -> str:
    """What has to be configured before something encrypted by this cipher can be read."""
    remedy = {
        AesCipher.name: "set LANGGRAPH_AES_KEY",
        HandlerCipher.name: "name the handlers under `encryption` in langgraph.json",
    }.get(ciphername, "it was not written by this server")
    return f"A checkpoint cannot be decrypted: it was encrypted with {ciphername!r}; {remedy}."


def _result_of(done: str, work: Coroutine[Any, Any, T]) -> T:
    future = asyncio.run_coroutine_threadsafe(work, _handlers_loop())
    try:
        return future.result(HANDLER_SECONDS)
    except Exception as error:
        future.cancel()
        reason = str(error) or f"no answer in {HANDLER_SECONDS:g} s"
        raise EncryptionFailed(
            f"A checkpoint could not be {done} by the project's handler: "
            f"{type(error).__name__}: {reason}"
        ) from error


@cache
def _handlers_loop() -> asyncio.AbstractEventLoop:
    """One for the process, so that handlers can keep connections open."""
    loop = asyncio.new_event_loop()
    Thread(target=loop.run_forever, name="encryption handlers", daemon=True).start()
    return loop
