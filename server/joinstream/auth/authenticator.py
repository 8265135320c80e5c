"""Calls the user's `@auth.authenticate` handler with the arguments that it names."""

import asyncio
import inspect
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from langgraph_sdk.auth.exceptions import HTTPException as AuthRefusal
from starlette.authentication import AuthenticationError
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request

from joinstream.auth.dependencies import Dependencies, is_dependency
from joinstream.auth.users import caller_of, studio_caller
from joinstream.domain.identity import Caller
from joinstream.encoding import loads
from joinstream.errors import AuthFailed, Forbidden, RequestError, StartupError
from joinstream.project import signature_of

_NO_WEBSOCKET = "The authenticate handler needs a request, which a WebSocket is not."

PathParams = Callable[[HTTPConnection], dict[str, Any]]
"""The parameters in the path of a request that has not been routed yet."""


class Authenticator(Protocol):
    """Tells who makes a request."""

    async def __call__(self, connection: HTTPConnection) -> Caller:
        """Raises Unauthorized, or whatever status the caller is refused with."""
        ...


class HandlerAuthenticator:
    """The user's handler. Raises StartupError when it wants what there is not."""

    def __init__(
        self, handler: Callable[..., Any], *, allow_studio: bool, path_params: PathParams
    ) -> None:
        self._handler = handler
        self._allow_studio = allow_studio
        self._path_params = path_params
        self._wanted, dependencies = _wanted(handler)
        self._dependencies = Dependencies(dependencies, self._call) if dependencies else None

    async def __call__(self, connection: HTTPConnection) -> Caller:
        """Raises Unauthorized and Forbidden; the handler's refusal as it is; AuthFailed when the
        handler failed.
        """
        if self._allow_studio and connection.headers.get("x-auth-scheme") == "langsmith":
            return studio_caller()
        arguments = {name: await self._argument(name, connection) for name in self._wanted}
        try:
            return caller_of(await self._answer(arguments, connection))
        except (RequestError, AuthFailed, HTTPException):
            raise
        except AuthRefusal as refusal:
            raise checked(refusal, "authenticate") from None
        except AuthenticationError as error:
            raise Forbidden(str(error) or "Forbidden") from None
        except Exception as error:
            raise AuthFailed(f"The authenticate handler raised {type(error).__name__}.") from error

    async def _answer(self, arguments: Mapping[str, Any], connection: HTTPConnection) -> Any:
        if self._dependencies is None:
            return await self._call(arguments)
        if not isinstance(connection, Request):
            raise Forbidden(_NO_WEBSOCKET)
        return await self._dependencies.call(connection, arguments)

    async def _call(self, arguments: Mapping[str, Any]) -> Any:
        if inspect.iscoroutinefunction(self._handler):
            return await self._handler(**arguments)
        returned = await asyncio.to_thread(self._handler, **arguments)
        return await returned if inspect.isawaitable(returned) else returned

    async def _argument(self, name: str, connection: HTTPConnection) -> Any:
        if name == "request" and not isinstance(connection, Request):
            raise Forbidden(_NO_WEBSOCKET)
        if name == "body":
            return await _body(connection)
        if name == "path_params":
            return self._path_params(connection)
        return _ARGUMENTS[name](connection)


def checked(refusal: AuthRefusal, handler: str) -> AuthRefusal | AuthFailed:
    """The refusal itself, when its status is one of an error; its headers are text."""
    if 400 <= refusal.status_code <= 599:
        if refusal.headers is not None:
            refusal.headers = {name: str(value) for name, value in refusal.headers.items()}
        return refusal
    return AuthFailed(f"The {handler} handler refused with status {refusal.status_code}.")


_ARGUMENTS: dict[str, Callable[[HTTPConnection], Any]] = {
    "request": lambda connection: connection,
    "user": lambda connection: connection.scope.get("user"),
    "path": lambda connection: connection.url.path,
    "method": lambda connection: connection.scope.get("method", "GET"),
    "scopes": lambda connection: list(getattr(connection.scope.get("auth"), "scopes", ())),
    "query_params": lambda connection: dict(connection.query_params),
    "headers": lambda connection: dict(connection.scope["headers"]),
    "authorization": lambda connection: connection.headers.get("authorization"),
    "scope": lambda connection: dict(connection.scope),
}
_PARAMETERS = frozenset({*_ARGUMENTS, "body", "path_params"})


def _wanted(handler: Callable[..., Any]) -> tuple[tuple[str, ...], list[inspect.Parameter]]:
    """The names of what it is given here, and what FastAPI gives it."""
    named, dependencies = [], []
    for parameter in _signature(handler).parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        if is_dependency(parameter):
            dependencies.append(parameter)
        elif parameter.name in _PARAMETERS and parameter.kind is not parameter.POSITIONAL_ONLY:
            named.append(parameter.name)
        elif parameter.default is parameter.empty:
            raise StartupError(
                f"auth: the authenticate handler wants {parameter.name!r}; it can be given "
                f"{', '.join(sorted(_PARAMETERS))}, by name, and what FastAPI's Depends gives"
            )
    return tuple(named), dependencies


def _signature(handler: Callable[..., Any]) -> inspect.Signature:
    """With annotations that are text evaluated, where they can be."""
    try:
        return inspect.signature(handler, eval_str=True)
    except Exception:  # a hint of the user's that cannot be resolved; names still decide
        return signature_of(handler)


async def _body(connection: HTTPConnection) -> Any:
    """The parsed JSON body; None without one, or when it is no JSON, which the route will say."""
    if not isinstance(connection, Request):
        return None
    raw = await connection.body()
    try:
        return loads(raw)
    except ValueError:
        return None
