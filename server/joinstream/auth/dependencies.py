"""FastAPI's `Depends` in an authenticate handler.

FastAPI solves dependencies for endpoints alone. So the handler becomes the endpoint of an
application that has nothing else, and whose response nobody sees: what counts is what the handler
returns, or raises, in there.
"""

import inspect
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, get_args, get_origin

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message

from joinstream.errors import AuthFailed, RequestError, StartupError, Unauthorized

Call = Callable[[Mapping[str, Any]], Awaitable[Any]]
"""Calls the handler with these arguments."""

_GIVEN = "joinstream.given"
_RETURNED = "joinstream.returned"
_METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")


def is_dependency(parameter: inspect.Parameter) -> bool:
    """Whether FastAPI provides it: by its default, or by what its annotation holds."""
    params = sys.modules.get("fastapi.params")
    if params is None:
        return False
    marks = [parameter.default]
    if get_origin(parameter.annotation) is Annotated:
        marks += get_args(parameter.annotation)[1:]
    return any(isinstance(mark, params.Depends) for mark in marks)


class Dependencies:
    """Calls a handler with what its dependencies give, beside what it is given.

    Made only for handlers that have dependencies, so FastAPI is there. Raises StartupError when it
    cannot make anything of them.
    """

    def __init__(self, dependencies: list[inspect.Parameter], call: Call) -> None:
        from fastapi import FastAPI
        from fastapi.exceptions import RequestValidationError

        async def endpoint(joinstream_request: Request, **provided: Any) -> None:
            scope = joinstream_request.scope
            scope[_RETURNED].append(await call({**scope[_GIVEN], **provided}))

        async def propagate(_: Request, error: Exception) -> Any:
            raise error

        by_keyword = inspect.Parameter.KEYWORD_ONLY
        request = inspect.Parameter("joinstream_request", by_keyword, annotation=Request)
        parameters = [request, *(each.replace(kind=by_keyword) for each in dependencies)]
        endpoint.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # as PEP 362 has it
        self._invalid = RequestValidationError
        self._app = FastAPI(
            openapi_url=None,
            exception_handlers={HTTPException: propagate, RequestValidationError: propagate},
        )
        try:
            self._app.add_api_route("/{path:path}", endpoint, methods=list(_METHODS))
        except Exception as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise StartupError(
                f"auth: FastAPI cannot use the dependencies of the authenticate handler: {reason}"
            ) from error

    async def call(self, request: Request, given: Mapping[str, Any]) -> Any:
        """What the handler returns; raises what it or a dependency raises.

        Raises Unauthorized when a dependency lacks what it wants of the request.
        """
        returned: list[Any] = []
        own = {key: value for key, value in request.scope.items() if not key.startswith("fastapi")}
        scope = {**own, _GIVEN: given, _RETURNED: returned}
        try:
            await self._app(scope, request.receive, _into_the_void)
        except self._invalid as error:
            raise Unauthorized(_missing(error)) from None
        except HTTPException as error:
            # FastAPI's word for whatever goes wrong while it reads a body
            raise error.__cause__ if isinstance(error.__cause__, RequestError) else error from None
        if not returned:
            raise AuthFailed(f"The authenticate handler cannot be called for {request.method}.")
        return returned[0]


async def _into_the_void(_: Message) -> None: ...


def _missing(error: Any) -> str:
    """Names what is missing or malformed, and shows no value."""
    faults = (
        f"{' '.join(str(part) for part in fault['loc'])}: {fault['msg']}"
        for fault in error.errors()
    )
    return f"The credentials are missing or malformed: {'; '.join(faults)}."
