"""Finds out for whom a request's data is encrypted."""

import base64
from typing import Any

import orjson
from langgraph_sdk.encryption import Encryption
from langgraph_sdk.encryption.types import EncryptionContext
from starlette.authentication import UnauthenticatedUser
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from joinstream.encryption.context import encrypting_for
from joinstream.encryption.handlers import called
from joinstream.errors import EncryptionFailed, Unprocessable

HEADER = "x-encryption-context"
_FOUND = "joinstream.encryption_context"
"""Where the scope of a request holds the context, once it is known."""


class EncryptionContexts:
    """ASGI middleware, behind the one that knows the caller.

    The context is that of the header; the project's context handler has the last word. Without
    handlers, nobody would look at it.
    """

    def __init__(self, app: ASGIApp, handlers: Encryption | None) -> None:
        self._app = app
        self._handlers = handlers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        if _FOUND not in scope:
            scope = {**scope, _FOUND: await self._context(scope)}
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
        if not isinstance(answer, dict):
            raise EncryptionFailed(
                f"The encryption context handler returned {type(answer).__name__}, not a dict."
            )
        return answer


def _of_header(text: str | None) -> dict[str, Any]:
    if not text:
        return {}
    try:
        context = orjson.loads(base64.b64decode(text, validate=True))
    except ValueError:
        context = None
    if not isinstance(context, dict):
        raise Unprocessable("X-Encryption-Context: must be a JSON object in base64.")
    return context
