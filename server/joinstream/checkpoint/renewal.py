"""Encrypting with the newest AES key what a checkpoint has in another."""

from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from joinstream.checkpoint.serde import Blob
from joinstream.encryption.aes import AesCipher

_SUFFIX = f"+{AesCipher.name}"
_SERDE = JsonPlusSerializer()


def renewed_blob(aes: AesCipher, kind: str, data: bytes) -> bytes:
    """A serialised value; the same when it needs no former key. Raises EncryptionFailed."""
    return aes.renewed(data) if kind.endswith(_SUFFIX) else data


def renewed_body(aes: AesCipher, kind: str, body: bytes) -> bytes:
    """A checkpoint's body, and the small values in it, which are encrypted by themselves."""
    if not kind.endswith(_SUFFIX):
        return body
    plain_kind = kind.removesuffix(_SUFFIX)
    checkpoint, held = _SERDE.loads_typed((plain_kind, aes.decrypt(aes.name, body)))
    values = {
        channel: (shape, count, _renewed_rest(aes, rest))
        for channel, (shape, count, rest) in held.items()
    }
    if all(values[channel][2] == _as_blob(held[channel][2]) for channel in held):
        return aes.renewed(body)
    _, plain = _SERDE.dumps_typed((checkpoint, values))
    return aes.encrypt(bytes(plain))[1]


def _renewed_rest(aes: AesCipher, rest: Blob | None) -> Blob | None:
    return (rest[0], renewed_blob(aes, *rest)) if rest else None


def _as_blob(rest: Blob | None) -> Blob | None:
    return (rest[0], rest[1]) if rest else None
