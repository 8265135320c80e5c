"""Routes that know what they take and give, so that /openapi.json can never be out of date."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Mount, Route

from joinstream.http.parse import body_as

Model = TypeVar("Model", bound=BaseModel)
Handler = Callable[[Request], Awaitable[Response]]
BodyHandler = Callable[[Request, Model], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Operation:
    """What the API document says of a route.

    `returns` is any type pydantic can describe, None for an answer without a body; `query` maps
    parameter names to their types; `content` is the media type of the answer.
    """

    method: str
    summary: str
    body: type[BaseModel] | None = None
    returns: Any = None
    query: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200
    content: str = "application/json"


class ApiRoute(Route):
    """A Starlette route with its description."""

    operation: Operation


def operation(
    method: str,
    path: str,
    handler: Handler,
    *,
    summary: str,
    returns: Any = None,
    query: Mapping[str, Any] | None = None,
    status: int = 200,
    content: str = "application/json",
) -> ApiRoute:
    """A route without a body. The handler takes the request."""
    route = ApiRoute(path, handler, methods=[method])
    route.operation = Operation(method, summary, None, returns, query or {}, status, content)
    return route


def operation_with_body(
    method: str,
    path: str,
    handler: BodyHandler[Model],
    *,
    body: type[Model],
    summary: str,
    returns: Any = None,
    query: Mapping[str, Any] | None = None,
    status: int = 200,
    content: str = "application/json",
) -> ApiRoute:
    """A route with a JSON body. The handler takes the request and the body, already validated."""

    async def endpoint(request: Request) -> Response:
        return await handler(request, await body_as(request, body))

    endpoint.__name__ = getattr(handler, "__name__", "endpoint")
    route = ApiRoute(path, endpoint, methods=[method])
    route.operation = Operation(method, summary, body, returns, query or {}, status, content)
    return route


def path_params_by(routes: Sequence[BaseRoute]) -> Callable[[HTTPConnection], dict[str, Any]]:
    """Reads the parameters in a request's path before it is routed; none for an unknown path."""

    def read(connection: HTTPConnection) -> dict[str, Any]:
        for route in leaf_routes(routes):
            match, child_scope = route.matches(connection.scope)
            if match is Match.FULL:
                return dict(child_scope["path_params"])
        return {}

    return read


def leaf_routes(routes: Iterable[BaseRoute]) -> Iterator[Route]:
    """The routes themselves, also those below a mount; their paths lack the mount's prefix."""
    for route in routes:
        if isinstance(route, Mount):
            yield from leaf_routes(route.routes)
        elif isinstance(route, Route):
            yield route
