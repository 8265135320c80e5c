"""How a handler reaches the use cases."""

from starlette.requests import Request

from joinstream.services import Services


def services(request: Request) -> Services:
    """The services that app.py has put into the application's state."""
    found: Services = request.app.state.services
    return found
