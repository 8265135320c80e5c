"""The outermost application: the mount prefix, what browsers are told, probes, start and end."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import HTTPConnection
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, ExceptionHandler, Lifespan, Receive, Scope, Send

from joinstream.http.errors import Translate, UnexpectedErrors
from joinstream.http.header_selection import HeaderSelection
from joinstream.http.measured import Measured
from joinstream.http.traced import Traced
from joinstream.observe.tracing import is_tracing
from joinstream.openai_api.errors import OpenAiErrors
from joinstream.settings import Settings

EXPOSED_HEADERS = (
    "content-location",
    "location",
    "retry-after",
    "x-pagination-exact",
    "x-pagination-next",
    "x-pagination-total",
    "x-request-id",
    "x-stream-position",
)
"""What browsers may read of an answer; the JavaScript clients need every one of them."""

_PATH_OF_A_RUN = r"(/threads/[\w-]+)?/runs/[\w-]+(/stream|/join)?"

PROBES = frozenset({"/", "/ok", "/metrics"})
"""What load balancers and scrapers ask for stays at the root, also when the API does not."""


def outermost(
    inside: ASGIApp,
    settings: Settings,
    *,
    open_routes: Sequence[Route],
    openai_routes: Sequence[Route],
    has_custom_app: bool,
    tells_browsers: bool,
    logged_headers: HeaderSelection,
    exception_handlers: Mapping[Any, ExceptionHandler],
    translate: Translate,
    lifespan: Lifespan[Starlette],
) -> Starlette:
    """Put `inside` under the mount prefix. `tells_browsers`: whether CORS is answered here."""
    routes: list[BaseRoute] = [Mount(settings.mount_prefix, app=inside)]
    if settings.mount_prefix:
        routes += [route for route in open_routes if route.path in PROBES]
    middleware = [
        Middleware(Measured),
        Middleware(OpenAiErrors, openai_routes, settings.mount_prefix, alone=not has_custom_app),
        Middleware(UnexpectedErrors, translate=translate),
    ]
    if is_tracing():
        middleware.insert(1, Middleware(Traced))
    if logged_headers.includes:
        middleware.insert(0, Middleware(LoggedHeaders, logged_headers))
    if tells_browsers:
        middleware.append(_cors(settings))
    if settings.mount_prefix:
        middleware.append(Middleware(PrefixOnce, settings.mount_prefix))
    return Starlette(
        routes=routes,
        middleware=middleware,
        exception_handlers=exception_handlers,
        lifespan=lifespan,
    )


class PrefixOnce:
    """Middleware: lets clients come back that have put the mount prefix before a `Location`.

    A `Location` has the prefix, as every client of HTTP expects. The official clients, however, put
    the path of their base URL before it, whatever it is; so that they ask for it twice over.
    """

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self._app = app
        self._prefix = prefix
        self._doubled = re.compile(re.escape(prefix * 2) + _PATH_OF_A_RUN)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self._doubled.fullmatch(scope["path"]):
            path = scope["path"].removeprefix(self._prefix)
            scope = {**scope, "path": path, "raw_path": path.encode()}
        await self._app(scope, receive, send)


class LoggedHeaders:
    """Middleware: every line that is logged for a request has the selected headers of it."""

    def __init__(self, app: ASGIApp, selection: HeaderSelection) -> None:
        self._app = app
        self._selection = selection

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = self._selection.of(HTTPConnection(scope).headers)
        with structlog.contextvars.bound_contextvars(headers=headers):
            await self._app(scope, receive, send)


def _cors(settings: Settings) -> Middleware:
    cors = settings.cors
    return Middleware(
        CORSMiddleware,
        allow_origins=cors.allow_origins,
        allow_methods=cors.allow_methods,
        allow_headers=cors.allow_headers,
        allow_credentials=cors.allow_credentials,
        allow_origin_regex=cors.allow_origin_regex,
        allow_private_network=settings.allow_private_network,
        expose_headers=(*EXPOSED_HEADERS, *cors.expose_headers),
        max_age=cors.max_age,
    )
