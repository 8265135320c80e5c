"""The API inside of a project's own application: who answers a request, and in which order.

::

    request ─► Mounted ─► [guard, if auth_first] ─► LastResort ─► the app's middleware ─► Dispatch
                                                                                              │
                      its own route wins ◄── [guard, if enable_custom_route_auth] ◄───────────┤
                      the API, which guards itself ◄──────────────────────────────────────────┘

The app is the user's object, which may be imported once and served several times, also at once, and
tested alone. So what is put into it knows no server: it finds the `Mounted` that a request came by
in the request's scope, and does nothing where there is none.
"""

from collections.abc import Callable, Sequence

from langgraph.store.base import BaseStore
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Match, Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from joinstream.http.errors import UnexpectedErrors
from joinstream.http.sse import CutOffs
from joinstream.item_store.context import giving_store
from joinstream.mounting.config import HttpConfig
from joinstream.mounting.custom_app import CustomApp
from joinstream.mounting.switches import ApiRoutes

MOUNTED = "joinstream.mounted"
"""Where a request's scope has the Mounted it came by."""

NEVER_SHADOWED = frozenset({"/ok", "/metrics", "/docs", "/openapi.json"})
"""What load balancers, scrapers and people look for is always ours."""

Guard = Callable[[ASGIApp], ASGIApp]
"""Lets only known callers through to an application; passes those on who were known before."""


class Mounted:
    """An ASGI application: `custom` with the API in it. `guard` is None without auth.

    The custom routes get `store` from `get_store()`.
    """

    def __init__(
        self,
        custom: CustomApp,
        api: Starlette,
        routes: ApiRoutes,
        config: HttpConfig,
        guard: Guard | None,
        store: BaseStore,
    ) -> None:
        self.custom = custom
        self._api = api
        self._api_routes = [*routes.open, *routes.guarded]
        self._open_paths = {route.path for route in routes.open}
        self._guard = guard
        self._store = store
        self._guards_custom_routes = config.enable_custom_route_auth
        self._guards_first = config.middleware_order == "auth_first"
        _prepare(custom.app)

    @property
    def routes(self) -> Sequence[BaseRoute]:
        """Those of the API."""
        return self._api.routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app: ASGIApp = self.custom.app
        if self._guard is not None and self._guards_first and self._is_guarded(scope):
            app = self._guard(app)
        # as for an application that lies under the prefix by itself, so that its url_for is right
        own = {key: value for key, value in scope.items() if key != "router"}
        own |= {"app_root_path": scope["root_path"], MOUNTED: self}
        await CutOffs(app)(own, receive, send)

    def _is_guarded(self, scope: Scope) -> bool:
        """What it lets pass here and leads to the API after all, the API's own guard stops."""
        if _is_preflight(scope):
            return False  # a browser sends no credentials with it, and the app may answer it
        route = self._route_of_api(scope)
        return self._guards_custom_routes if route is None else route.path not in self._open_paths

    async def dispatch(
        self, custom_routes: ASGIApp, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Behind the app's middleware: to the API, or on to the app's own routes."""
        if (found := self._route_of_api(scope)) is not None:
            scope["route"] = found  # for middleware that counts by route
            await self.call_api(scope, receive, send)
            return
        if self._guard is not None and self._guards_custom_routes:
            custom_routes = self._guard(custom_routes)
        # not around the API: what it starts in this process would inherit the store
        with giving_store(self._store):
            await custom_routes(scope, receive, send)

    async def call_api(self, scope: Scope, receive: Receive, send: Send) -> None:
        inner = {key: value for key, value in scope.items() if key not in ("app", "router")}
        await self._api(inner, receive, send)

    def _route_of_api(self, scope: Scope) -> Route | WebSocketRoute | None:
        """The API's route for the request, unless the app's own go before it."""
        found = next((route for route in self._api_routes if _fits(route, scope)), None)
        if found is None or found.path in NEVER_SHADOWED:
            return found
        # at /, an app may also have files, which its router looks for when it has no route
        shadowed = found.path == "/" or any(_fits(r, scope) for r in self.custom.routes)
        return None if shadowed else found


class LastResort:
    """Middleware around all of the app's own: what they raise is answered as the API's errors are,
    unless the app answers every exception itself.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._answering = UnexpectedErrors(app, translate=lambda _: None)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        mounted = scope.get(MOUNTED)
        leave_it = mounted is None or mounted.custom.answers_every_exception
        await (self._app if leave_it else self._answering)(scope, receive, send)


class Dispatch:
    """Middleware behind all of the app's own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (mounted := scope.get(MOUNTED)) is None:
            await self._app(scope, receive, send)
        else:
            await mounted.dispatch(self._app, scope, receive, send)


class FallThrough:
    """What a router does when it has nothing for a request."""

    def __init__(self, otherwise: ASGIApp) -> None:
        self._otherwise = otherwise

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        mounted = scope.get(MOUNTED)
        await (self._otherwise if mounted is None else mounted.call_api)(scope, receive, send)


def _prepare(app: Starlette) -> None:
    """Put into the app what hands requests on; once, however often it is served."""
    if isinstance(app.router.default, FallThrough):
        return
    app.router.default = FallThrough(app.router.default)
    app.user_middleware[:] = [
        Middleware(LastResort),
        *app.user_middleware,
        Middleware(Dispatch),
    ]
    app.middleware_stack = None  # it may have been used before, in a test for example


def _is_preflight(scope: Scope) -> bool:
    asks = scope["type"] == "http" and scope["method"] == "OPTIONS"
    return asks and "access-control-request-method" in Headers(scope=scope)


def _fits(route: BaseRoute, scope: Scope) -> bool:
    return route.matches(scope)[0] is Match.FULL
