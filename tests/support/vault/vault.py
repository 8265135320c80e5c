"""A key for each tenant, whom the encryption context names. Left plain: what is searched for.

A context may also name a field that is `refused`.
"""

import base64
import json
from typing import Any

from Crypto.Cipher import AES
from langgraph_sdk.encryption import Encryption
from starlette.exceptions import HTTPException

PLAIN = {"owner", "tenant", "colour"}
PREFIX = "vault:"
KEYS = {"": b"k" * 16, "red": b"r" * 16, "blue": b"b" * 16}

encryption = Encryption()


def _key(ctx: Any) -> bytes:
    tenant = ctx.metadata.get("tenant", "")
    if tenant not in KEYS:
        raise HTTPException(400, f"there is no tenant {tenant!r}")
    return KEYS[tenant]


def _encrypted(key: bytes, data: bytes) -> bytes:
    cipher = AES.new(key, AES.MODE_EAX)
    text, tag = cipher.encrypt_and_digest(data)
    return cipher.nonce + tag + text


def _decrypted(key: bytes, data: bytes) -> bytes:
    return AES.new(key, AES.MODE_EAX, nonce=data[:16]).decrypt_and_verify(data[32:], data[16:32])


@encryption.encrypt.blob
async def encrypt_blob(ctx: Any, blob: bytes) -> bytes:
    return _encrypted(_key(ctx), blob)


@encryption.decrypt.blob
async def decrypt_blob(ctx: Any, blob: bytes) -> bytes:
    return _decrypted(_key(ctx), blob)


@encryption.encrypt.json
async def encrypt_json(ctx: Any, data: dict[str, Any]) -> dict[str, Any]:
    key = _key(ctx)
    if ctx.field == ctx.metadata.get("refused"):
        raise PermissionError("the vault is closed")
    for name, value in data.items():
        if name not in PLAIN:
            data[name] = (
                PREFIX + base64.b64encode(_encrypted(key, json.dumps(value).encode())).decode()
            )
    return data


@encryption.decrypt.json
async def decrypt_json(ctx: Any, data: dict[str, Any]) -> dict[str, Any]:
    key = _key(ctx)
    return {
        name: json.loads(_decrypted(key, base64.b64decode(value.removeprefix(PREFIX))))
        for name, value in data.items()
    }
