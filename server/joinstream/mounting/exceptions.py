"""Exception handlers of a custom app are asked for the API's errors too."""

import inspect
from collections.abc import Mapping
from typing import Any

from langgraph_sdk.auth.exceptions import HTTPException as AuthRefusal
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ExceptionHandler

from joinstream.errors import RequestError
from joinstream.http.errors import exception_handlers
from joinstream.mounting.custom_app import EVERYTHING, CustomApp

_OF_THE_BODY = ("content-length", "content-type")


def exception_handlers_of(custom: CustomApp | None) -> Mapping[Any, ExceptionHandler]:
    """The API's, behind those that the user has written.

    A handler of HTTPException, or of a status, is given the API's own errors as HTTPExceptions.
    """
    if custom is None:
        return exception_handlers
    theirs = {
        key: _in_its_app(handler, custom.app) for key, handler in custom.exception_handlers.items()
    }
    as_http = {
        kind: _as_http_exception(theirs, exception_handlers[kind])
        for kind in (RequestError, AuthRefusal)
    }
    return {**exception_handlers, **theirs, **as_http}


def last_handlers_of(custom: CustomApp | None) -> Mapping[Any, ExceptionHandler]:
    """The user's handlers for what no other handler is for."""
    if custom is None:
        return {}
    handlers = custom.app.exception_handlers
    return {key: _in_its_app(handlers[key], custom.app) for key in EVERYTHING if key in handlers}


def _in_its_app(handler: ExceptionHandler, app: Starlette) -> ExceptionHandler:
    """The handler, called with a request of the application that it was written for."""

    async def handle(request: Any, error: Exception) -> Any:
        if isinstance(request, Request):
            request = Request({**request.scope, "app": app}, request.receive)
        if inspect.iscoroutinefunction(handler):
            return await handler(request, error)
        return await run_in_threadpool(handler, request, error)

    return handle


def _as_http_exception(
    theirs: Mapping[Any, ExceptionHandler], ours: ExceptionHandler
) -> ExceptionHandler:
    async def handle(request: Any, error: Any) -> Any:
        answer: Any = ours(request, error)
        assert isinstance(answer, Response)
        handler = theirs.get(answer.status_code) or theirs.get(HTTPException)
        if handler is None:
            return answer
        headers = {k: v for k, v in answer.headers.items() if k not in _OF_THE_BODY}
        translated: Any = handler(request, HTTPException(answer.status_code, error.detail, headers))
        return await translated

    return handle
