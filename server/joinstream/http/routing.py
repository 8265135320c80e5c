"""Routes that know what they take and give, so that /openapi.json can never be out of date."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Required, TypedDict, TypeVar, Unpack, overload

from pydantic import BaseModel
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Mount, Route
from starlette.types import Receive, Scope, Send

from joinstream.errors import RequestError, Unprocessable
from joinstream.http.headers import Header
from joinstream.http.measured import measure_of
from joinstream.http.parse import body_as, path_uuid, query_as
from joinstream.http.schemas.base import Query

NO_UUIDS = {
    "assistant_id": "The assistant's UUID, or the name of a graph.",
    "namespace": "The subgraph's namespace.",
    "config_hash": "A config, packed by LangServe's playground.",
    "graph": "The name of a graph, or the UUID of an assistant.",
    "model": "The assistant's UUID, or the name of a graph.",
    "response_id": "The id of a response, as it was answered.",
    "conversation_id": "The id of a conversation, as it was answered, or of a thread.",
}
"""Parameters in paths that need not be UUIDs, and what they are."""

Model = TypeVar("Model", bound=BaseModel)
Asked = TypeVar("Asked", bound=Query)

Handler = Callable[[Request], Awaitable[Response]]
QueryHandler = Callable[[Request, Asked], Awaitable[Response]]
BodyHandler = Callable[[Request, Model], Awaitable[Response]]
Malformed = Callable[[Unprocessable], Response]
BodyAndQueryHandler = Callable[[Request, Model, Asked], Awaitable[Response]]


class About(TypedDict, total=False):
    """What else the API document says of a route; see `Operation`."""

    summary: Required[str]
    returns: Any
    status: int
    or_else: Mapping[int, Any]
    content: str
    or_as: Mapping[str, Any]
    takes: Sequence[Header]
    gives: Sequence[Header]
    raises: Sequence[type[RequestError]]
    refusal: Any
    malformed: Malformed
    public: bool


@dataclass(frozen=True, slots=True)
class Operation:
    """What the API document says of a route.

    `returns` is any type pydantic can describe, None for an answer without a body, and `or_else`
    has those of other good statuses; `content` is the media type of the answer, and `or_as` has the
    types of those that `returns` may have instead. `takes` and `gives`
    are headers, `raises` the refusals that do not follow from what the route takes, and `refusal`
    is the type of their bodies, None for the usual one. `malformed` answers to a body that cannot
    be read, if not as usual. What is `public` is open to those who are nobody.
    """

    method: str
    summary: str
    body: type[BaseModel] | None = None
    query: type[Query] | None = None
    returns: Any = None
    status: int = 200
    or_else: Mapping[int, Any] = field(default_factory=dict)
    content: str = "application/json"
    or_as: Mapping[str, Any] = field(default_factory=dict)
    takes: Sequence[Header] = ()
    gives: Sequence[Header] = ()
    raises: Sequence[type[RequestError]] = ()
    refusal: Any = None
    malformed: Malformed | None = None
    public: bool = False


class ApiRoute(Route):
    """A Starlette route with its description."""

    operation: Operation

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        measure_of(scope).route = self.path
        await super().handle(scope, receive, send)


@overload
def operation(method: str, path: str, handler: Handler, **about: Unpack[About]) -> ApiRoute: ...
@overload
def operation(
    method: str,
    path: str,
    handler: QueryHandler[Asked],
    *,
    query: type[Asked],
    **about: Unpack[About],
) -> ApiRoute: ...
def operation(
    method: str,
    path: str,
    handler: Callable[..., Awaitable[Response]],
    *,
    query: type[Query] | None = None,
    **about: Unpack[About],
) -> ApiRoute:
    """A route without a body. The handler takes the request, and the query, already validated."""
    return _route(path, handler, Operation(method, query=query, **about))


@overload
def operation_with_body(
    method: str,
    path: str,
    handler: BodyHandler[Model],
    *,
    body: type[Model],
    **about: Unpack[About],
) -> ApiRoute: ...
@overload
def operation_with_body(
    method: str,
    path: str,
    handler: BodyAndQueryHandler[Model, Asked],
    *,
    body: type[Model],
    query: type[Asked],
    **about: Unpack[About],
) -> ApiRoute: ...
def operation_with_body(
    method: str,
    path: str,
    handler: Callable[..., Awaitable[Response]],
    *,
    body: type[BaseModel],
    query: type[Query] | None = None,
    **about: Unpack[About],
) -> ApiRoute:
    """A route with a JSON body. The handler takes the request, the body and the query, both
    already validated."""
    return _route(path, handler, Operation(method, body=body, query=query, **about))


def _route(
    path: str, handler: Callable[..., Awaitable[Response]], operation: Operation
) -> ApiRoute:
    async def endpoint(request: Request) -> Response:
        for name in request.path_params.keys() - NO_UUIDS.keys():
            path_uuid(request, name)
        queries = [query_as(request, operation.query)] if operation.query else []
        try:
            bodies = [await body_as(request, operation.body)] if operation.body else []
        except Unprocessable as error:
            if operation.malformed is None:
                raise
            return operation.malformed(error)
        return await handler(request, *bodies, *queries)

    endpoint.__name__ = getattr(handler, "__name__", "endpoint")
    route = ApiRoute(path, endpoint, methods=[operation.method])
    route.operation = operation
    return route


def path_params_by(
    *groups: Sequence[BaseRoute],
) -> Callable[[HTTPConnection], dict[str, Any]]:
    """Reads the parameters in a request's path before it is routed; none for an unknown path."""

    def read(connection: HTTPConnection) -> dict[str, Any]:
        for route in chain.from_iterable(groups):
            match, child_scope = route.matches(connection.scope)
            if match is Match.FULL:
                return dict(child_scope.get("path_params", {}))
        return {}

    return read


def leaf_routes(routes: Iterable[BaseRoute]) -> Iterator[Route]:
    """The routes themselves, also those below a mount; their paths lack the mount's prefix."""
    for route in routes:
        if isinstance(route, Mount):
            yield from leaf_routes(route.routes)
        elif isinstance(route, Route):
            yield route
