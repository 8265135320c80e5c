"""Which pages may use the API, where a browser does not see to that.

A browser keeps a page from reading what another origin answers. All the same it lets the page send
whatever a form could send, with the user's cookies and from inside of the user's network; and since
bodies are JSON here whatever they are called, that would be enough to start a run.
"""

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from joinstream.errors import Forbidden
from joinstream.settings import CorsConfig

_CHANGES_NOTHING = frozenset({"GET", "HEAD", "OPTIONS"})
_OF_THE_USER = frozenset({"same-origin", "none"})
"""What browsers say in `Sec-Fetch-Site` of this server's own pages, and of what a user typed."""


class KnownPages:
    """Middleware: pages that the settings of CORS do not allow cannot change anything."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises Forbidden."""
        if scope["type"] == "http" and scope["method"] not in _CHANGES_NOTHING:
            require_known_page(HTTPConnection(scope))
        await self._app(scope, receive, send)


def require_known_page(connection: HTTPConnection) -> None:
    """Raises Forbidden for a page of another origin that may not use the API."""
    origin, site = origin_of(connection), connection.headers.get("sec-fetch-site")
    if site is None and origin is not None:  # an older browser, or no secure connection
        is_ours = origin.partition("://")[2] == connection.headers.get("host")
    else:
        is_ours = site is None or site in _OF_THE_USER
    if not is_ours and not is_allowed(connection, origin or "null"):
        raise Forbidden(refusal_of(origin or "null"))


def origin_of(connection: HTTPConnection) -> str | None:
    """The page that a browser makes the request for; None for other clients."""
    return connection.headers.get("origin")


def is_allowed(connection: HTTPConnection, origin: str) -> bool:
    """Whether the settings of CORS allow the origin."""
    cors: CorsConfig = connection.app.state.settings.cors
    return "*" in cors.allow_origins or origin in cors.allow_origins or cors.matches(origin)


def refusal_of(origin: str) -> str:
    return f"Pages of {origin} may not use this API; see the settings of CORS."
