"""How a handler reaches the use cases, which whoever composed the application has put into it."""

from starlette.requests import HTTPConnection

from joinstream.services import Services, Vitals


def services(request: HTTPConnection) -> Services:
    found: Services = request.app.state.services
    return found


def vitals(request: HTTPConnection) -> Vitals:
    """A worker's application has these alone."""
    found: Vitals = request.app.state.vitals
    return found
