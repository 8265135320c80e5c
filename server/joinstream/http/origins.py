"""Which pages may use the API, where a browser does not see to that."""

from starlette.requests import HTTPConnection

from joinstream.settings import CorsConfig


def origin_of(connection: HTTPConnection) -> str | None:
    """The page that a browser makes the request for; None for other clients."""
    return connection.headers.get("origin")


def is_allowed(connection: HTTPConnection, origin: str) -> bool:
    """Whether the settings of CORS allow the origin."""
    cors: CorsConfig = connection.app.state.settings.cors
    return "*" in cors.allow_origins or origin in cors.allow_origins or cors.matches(origin)


def refusal_of(origin: str) -> str:
    return f"Pages of {origin} may not use this API; see the settings of CORS."
