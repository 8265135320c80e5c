"""AES with the key of the settings, for checkpoints and fields alike."""

from collections.abc import Sequence

from langgraph.checkpoint.serde.base import CipherProtocol
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer

from joinstream.errors import EncryptionFailed, StartupError


class AesCipher(CipherProtocol):
    """AES in EAX mode, as LangGraph's own `from_pycryptodome_aes` does it, and readable by that."""

    name = "aes"

    def __init__(self, key: bytes, older_keys: Sequence[bytes] = ()) -> None:
        """Keys have 16, 24 or 32 bytes; the older ones only decrypt.

        Raises StartupError when pycryptodome is missing.
        """
        try:
            self._cipher, *self._older = (
                EncryptedSerializer.from_pycryptodome_aes(key=each).cipher
                for each in (key, *older_keys)
            )
        except ImportError:
            raise StartupError(
                "LANGGRAPH_AES_KEY is set, but pycryptodome is not installed: "
                "pip install 'joinstream[encryption]', or unset the variable."
            ) from None

    def encrypt(self, plaintext: bytes) -> tuple[str, bytes]:
        return self._cipher.encrypt(plaintext)

    def renewed(self, ciphertext: bytes) -> bytes:
        """Encrypted with the newest key; the same when it is already. Raises EncryptionFailed."""
        try:
            self._cipher.decrypt(self.name, ciphertext)
        except ValueError:
            return self.encrypt(self.decrypt(self.name, ciphertext))[1]
        return ciphertext

    def decrypt(self, ciphername: str, ciphertext: bytes) -> bytes:
        """Raises EncryptionFailed when it was encrypted with none of the keys."""
        for cipher in (self._cipher, *self._older):
            try:
                return cipher.decrypt(ciphername, ciphertext)
            except ValueError as error:
                refusal = error
        raise EncryptionFailed(
            "What is stored cannot be decrypted: LANGGRAPH_AES_KEY is not the key it was "
            "encrypted with, or its bytes were changed. If it was another key, name that in "
            "LANGGRAPH_AES_FALLBACK_KEYS."
        ) from refusal
