"""Keys from a setting, for those who want no more than that."""

import hashlib
import hmac

from starlette.requests import HTTPConnection

from joinstream.domain.identity import AuthUser, Caller
from joinstream.errors import StartupError, Unauthorized

ANONYMOUS_KEY = "api-key"
"""Identity of those whose key has no name."""


class ApiKeys:
    """Knows callers by the key in `x-api-key` or `Authorization: Bearer`.

    `listed` is comma-separated, each item `name:key` or a key. Raises StartupError when one is
    empty, or none is there.
    """

    def __init__(self, listed: str) -> None:
        self._keys = [_named_digest(item.strip()) for item in listed.split(",") if item.strip()]
        if not self._keys:
            raise StartupError("JOINSTREAM_API_KEYS names no key: write name:key, or unset it.")

    async def __call__(self, connection: HTTPConnection) -> Caller:
        """Raises Unauthorized. Takes the same time for every wrong key."""
        given = _digest(_given_key(connection))
        names = [name for name, key in self._keys if hmac.compare_digest(key, given)]
        if not names:
            raise Unauthorized("Send a valid key as x-api-key, or as Authorization: Bearer.")
        user = AuthUser(
            identity=names[0], display_name=names[0], is_authenticated=True, permissions=[]
        )
        return Caller(user, (), user)


def _named_digest(item: str) -> tuple[str, bytes]:
    name, colon, key = item.partition(":")
    if not colon:
        name, key = ANONYMOUS_KEY, item
    if not name or not key:
        raise StartupError("JOINSTREAM_API_KEYS has an item without a name or a key.")
    return name.strip(), _digest(key.strip())


def _digest(key: str) -> bytes:
    """Equally long for all keys, so that comparing tells nothing of their lengths."""
    return hashlib.sha256(key.encode()).digest()


def _given_key(connection: HTTPConnection) -> str:
    scheme, _, credentials = connection.headers.get("authorization", "").partition(" ")
    bearer = credentials.strip() if scheme.lower() == "bearer" else ""
    return connection.headers.get("x-api-key") or bearer
