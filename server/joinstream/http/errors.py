"""Every failure as `{"detail": "<text>"}` JSON, and none that breaks the connection.

Starlette's own last resort answers text/plain and re-raises, upon which the server drops the
keep-alive connection under the client's next request. `UnexpectedErrors` stands inside of it and
lets nothing through that can still be answered.
"""

from collections.abc import Callable
from uuid import uuid4

import structlog
from langgraph_sdk.auth.exceptions import HTTPException as AuthRefusal
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ASGIApp, ExceptionHandler, Message, Receive, Scope, Send

from joinstream.errors import (
    ComeBackLater,
    EncryptionFailed,
    HandlerFailed,
    RequestError,
    Unauthorized,
    Unavailable,
)
from joinstream.http.respond import json_response
from joinstream.http.routing import leaf_routes

logger = structlog.get_logger(__name__)

Translate = Callable[[Exception], RequestError | None]
"""Makes a RequestError of an error of the layers below, None of one it does not know."""


def error_response(error: RequestError) -> Response:
    headers = {}
    if isinstance(error, ComeBackLater):
        headers["Retry-After"] = str(error.retry_after)
    elif isinstance(error, Unauthorized):
        headers["WWW-Authenticate"] = "Bearer"
    return json_response({"detail": error.detail}, error.status, headers)


def _on_request_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestError)
    if isinstance(error, Unavailable) and error.__cause__ is not None:
        logger.warning("service unavailable", path=request.url.path, error=error.reason)
    return error_response(error)


def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers, detail = dict(error.headers or {}), error.detail
    if error.status_code == 405:
        headers["Allow"] = ", ".join(allowed := _allowed_methods(request))
        detail = f"{request.method} is not allowed on {request.url.path}: use {', '.join(allowed)}."
    elif error.status_code == 404 and detail == "Not Found":
        detail = f"There is nothing at {request.url.path}."
    if error.status_code in (204, 304):
        return Response(status_code=error.status_code, headers=headers)
    return json_response({"detail": detail}, error.status_code, headers)


def _on_auth_refusal(_: Request, error: Exception) -> Response:
    assert isinstance(error, AuthRefusal)
    return json_response({"detail": error.detail}, error.status_code, error.headers)


def _allowed_methods(request: Request) -> list[str]:
    """The methods of all routes of this path; the exception knows only those of the first."""
    methods: set[str] = set()
    for route in leaf_routes(request.app.routes):
        match, _ = route.matches(request.scope)
        if match is not Match.NONE:
            methods |= route.methods or set()
    return sorted(methods)


exception_handlers: dict[type[Exception], ExceptionHandler] = {
    RequestError: _on_request_error,
    HTTPException: _on_http_exception,
    AuthRefusal: _on_auth_refusal,
}
"""For Starlette(exception_handlers=…)."""


class UnexpectedErrors:
    """Middleware that answers what no handler answers.

    `translate` recognises failures of backing services; anything else is a fault: logged with its
    traceback under the request id that the client is told, or raised when `raises_unknown`. What
    comes up once a response has begun cannot be answered any more: it is logged when the response
    is complete, else raised, which closes the connection.
    """

    def __init__(self, app: ASGIApp, translate: Translate, *, raises_unknown: bool = False) -> None:
        self._app = app
        self._translate = translate
        self._raises_unknown = raises_unknown

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = complete = False

        async def watched_send(message: Message) -> None:
            nonlocal started, complete
            started = started or message["type"] == "http.response.start"
            await send(message)
            complete = message["type"] == "http.response.body" and not message.get("more_body")

        try:
            await self._app(scope, receive, watched_send)
        except Exception as error:
            known = self._known(error)
            if self._raises_unknown and known is None:
                raise
            if not started:
                await self._answer(error, known, scope)(scope, receive, send)
            elif complete:
                self._log(error, scope, request_id_of(scope))
            else:
                raise

    def _known(self, error: Exception) -> RequestError | None:
        return error if isinstance(error, RequestError) else self._translate(error)

    def _answer(self, error: Exception, known: RequestError | None, scope: Scope) -> Response:
        if known is not None:
            logger.warning("request_refused", path=scope["path"], reason=known.detail)
            return error_response(known)
        request_id = request_id_of(scope)
        self._log(error, scope, request_id)
        detail = f"Internal error; the server's log has the cause under request id {request_id}."
        if isinstance(error, EncryptionFailed) and not isinstance(error, HandlerFailed):
            detail = str(error)  # says what to set right, and nothing of what is stored
        return json_response({"detail": detail}, 500, {"x-request-id": request_id})

    def _log(self, error: Exception, scope: Scope, request_id: str) -> None:
        logger.error("request_failed", path=scope["path"], request_id=request_id, exc_info=error)


def request_id_of(scope: Scope) -> str:
    """The client's `x-request-id`, or one made now."""
    return Headers(scope=scope).get("x-request-id") or str(uuid4())
