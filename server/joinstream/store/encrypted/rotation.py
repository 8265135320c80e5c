"""Encrypting anew, in place, what former AES keys have encrypted.

Tables are gone through by their blocks on disk, a few at a time, each in a transaction of its own,
while the server runs. A row is replaced only if nobody has changed it meanwhile. So it can be
stopped at any point, and what is found to need a former key is what is left.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import orjson

from joinstream.checkpoint.renewal import renewed_blob, renewed_body
from joinstream.encryption.aes import AesCipher
from joinstream.encryption.json_ciphers import AesJsonCipher, renewed_document
from joinstream.errors import EncryptionFailed
from joinstream.sql import load_queries
from joinstream.store.encrypted.check import KNOWN_TEXT

_QUERIES = load_queries(Path(__file__).parent.parent / "queries" / "rotation.sql")
_BLOCKS = 16
"""How many blocks are one step: some hundred rows of most tables."""

_BLOBS = {"checkpoints": "body", "checkpoint_parts": "data", "checkpoint_writes": "data"}


@dataclass(frozen=True, slots=True)
class Step:
    """How many rows were encrypted anew, and how many no key fits, in some blocks of a table."""

    renewed: int
    lost: int
    blocks: int
    of_blocks: int


class Rotation:
    """One pass over a database; `aes` has the new key and the former ones."""

    def __init__(self, pool: asyncpg.Pool, aes: AesCipher) -> None:
        self._pool = pool
        self._aes = aes

    async def tables(self) -> Mapping[str, Mapping[str, str]]:
        """Which tables may hold what is encrypted: their JSON columns, with their types."""
        rows = await self._pool.fetch(_QUERIES["json_columns"])
        found = {row["name"]: orjson.loads(row["columns"]) for row in rows}
        return {name: found.get(name, {}) for name in sorted({*found, *_BLOBS})}

    async def renew(self, table: str, columns: Mapping[str, str]) -> AsyncIterator[Step]:
        """Go through one table."""
        page, replace = _page(table, columns), _replace(table, columns)
        start, end = 0, 1
        while start < end:
            end = await self._pool.fetchval(_QUERIES["blocks"], f'"{table}"')  # it may grow
            rows = await self._pool.fetch(page, start, start + _BLOCKS)
            renewed, lost = [], 0
            for row in rows:
                try:
                    if (values := self._renewed(table, columns, row)) is not None:
                        renewed.append((row["place"], row["version"], *values))
                except EncryptionFailed:
                    lost += 1
            await self._pool.executemany(replace, renewed)
            start += _BLOCKS
            yield Step(len(renewed), lost, min(start, end), end)

    async def renew_proof(self) -> None:
        """From now on, a start needs no former key."""
        proof = AesJsonCipher(self._aes, frozenset()).sealed(KNOWN_TEXT)
        await self._pool.execute(_QUERIES["renew_proof"], AesCipher.name, proof)

    def _renewed(
        self, table: str, columns: Mapping[str, str], row: asyncpg.Record
    ) -> list[Any] | None:
        """The row's values, None when all are as they should be. Raises EncryptionFailed."""
        stored = {name: row[name] for name in _names(table, columns)}
        values = dict(stored)
        for name in columns:
            if stored[name] is not None:
                values[name] = renewed_document(self._aes, stored[name])
        if (blob := _BLOBS.get(table)) and stored[blob] is not None:
            renew = renewed_body if table == "checkpoints" else renewed_blob
            values[blob] = renew(self._aes, stored["type"], stored[blob])
        return list(values.values()) if values != stored else None


def _names(table: str, columns: Mapping[str, str]) -> list[str]:
    return [*columns, *(["type", _BLOBS[table]] if table in _BLOBS else [])]


def _page(table: str, columns: Mapping[str, str]) -> str:
    read = [f'"{name}"::text as "{name}"' for name in columns]
    wanted = [f""""{name}"::text like '%"\\_\\_encrypted\\_\\_"%'""" for name in columns]
    if table in _BLOBS:
        read += ["type", _BLOBS[table]]
        wanted.append(f"type like '%+{AesCipher.name}'")
    return _QUERIES["page"].format(
        table=f'"{table}"', columns=", ".join(read), wanted=" or ".join(wanted)
    )


def _replace(table: str, columns: Mapping[str, str]) -> str:
    kinds = {**dict.fromkeys(_names(table, columns), ""), **columns}
    written = [
        f'"{name}" = ${place}' + (f"::text::{kind}" if kind else "")
        for place, (name, kind) in enumerate(kinds.items(), 3)
    ]
    return _QUERIES["replace"].format(table=f'"{table}"', columns=", ".join(written))
