"""The check at every start: what is encrypted in this database can be decrypted here."""

from pathlib import Path

from joinstream.encryption.fields import FieldCipher, remedy_for
from joinstream.encryption.json_ciphers import AesJsonCipher
from joinstream.errors import EncryptionFailed, StartupError
from joinstream.sql import load_queries
from joinstream.store.database import Database

_QUERIES = load_queries(Path(__file__).parent.parent / "queries" / "field_ciphers.sql")
KNOWN_TEXT = "joinstream"


async def check_ciphers(database: Database, fields: FieldCipher | None) -> None:
    """Note which cipher encrypts here from now on. Raises what `require_readable` raises."""
    writing = fields.writing if fields else None
    if writing is not None:
        proof = writing.sealed(KNOWN_TEXT) if isinstance(writing, AesJsonCipher) else None
        await database.execute(_QUERIES["add"], writing.name, proof)
    await require_readable(database, fields)


async def require_readable(database: Database, fields: FieldCipher | None) -> None:
    """Raises StartupError for fields that a cipher or a key encrypted which is not configured."""
    for name, proof in await database.fetch(_QUERIES["known"]):
        cipher = fields.reading.get(name) if fields else None
        if cipher is None:
            raise StartupError(f"A field of this database cannot be decrypted: {remedy_for(name)}.")
        if isinstance(cipher, AesJsonCipher):
            _require_key(cipher, proof)


def _require_key(cipher: AesJsonCipher, proof: str) -> None:
    try:
        cipher.opened(proof)
    except EncryptionFailed:
        raise StartupError(
            "LANGGRAPH_AES_KEY is not the key that fields in this database were encrypted with: "
            "set it back, or name the former key in LANGGRAPH_AES_FALLBACK_KEYS."
        ) from None
