"""Finds out for whom a request's data is encrypted."""

import base64
from typing import Any

import orjson
from langgraph_sdk.auth.exceptions import HTTPException as AuthRefusal
from langgraph_sdk.encryption import Encryption
from langgraph_sdk.encryption.types import EncryptionContext
from starlette.authentication import UnauthenticatedUser
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from joinstream.encoding import dumps_for_postgres, loads
from joinstream.encryption.context import encrypting_for
from joinstream.encryption.handlers import called
from joinstream.errors import EncryptionFailed, RequestError, Unprocessable

HEADER = "x-encryption-context"
LONGEST_HEADER = 4096
"""In characters: the context is stored with every value."""
_FOUND = "joinstream.encryption_context"
"""Where the scope of a request holds the context, once it is known."""


class EncryptionContexts:
    """ASGI middleware, behind the one that knows the caller.

    The context is that of the header; the project's context handler has the last word. Without
    handlers, nobody would look at it. A WebSocket keeps the context that it was opened with; where
    that is refused, so is the upgrade.
    """

    def __init__(self, app: ASGIApp, handlers: Encryption | None) -> None:
        self._app = app
        self._handlers = handlers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        if _FOUND not in scope:
            try:
                scope = {**scope, _FOUND: await self._context(scope)}
            except (RequestError, HTTPException, AuthRefusal):
                if scope["type"] == "http":
                    raise
                await send({"type": "websocket.close"})
                return
        with encrypting_for(scope[_FOUND]):
            await self._app(scope, receive, send)

    async def _context(self, scope: Scope) -> dict[str, Any]:
        """Raises Unprocessable for a header that cannot be read, EncryptionFailed."""
        if self._handlers is None:
            return {}
        given = _of_header(Headers(scope=scope).get(HEADER))
        handler = self._handlers._context_handler
        if handler is None:
            return given
        user = scope.get("user") or UnauthenticatedUser()

        async def work() -> Any:
            return await handler(user, EncryptionContext(metadata=given))

        answer = await called(work(), "The encryption context could not be found")
        try:
            return _as_stored(answer)
        except TypeError as error:
            raise EncryptionFailed(
                f"What the encryption context handler returned {error}."
            ) from error


def _of_header(text: str | None) -> dict[str, Any]:
    if not text:
        return {}
    if len(text) > LONGEST_HEADER:
        raise Unprocessable(
            f"X-Encryption-Context: must have at most {LONGEST_HEADER} characters, got {len(text)}."
        )
    try:
        return _as_stored(orjson.loads(base64.b64decode(text, validate=True)))
    except (ValueError, TypeError):
        raise Unprocessable("X-Encryption-Context: must be a JSON object in base64.") from None


def _as_stored(context: Any) -> dict[str, Any]:
    """As handlers will get it back from Postgres. Raises TypeError for what is no JSON object."""
    stored = loads(dumps_for_postgres(context))
    if not isinstance(stored, dict):
        raise TypeError("is no JSON object")
    return stored
