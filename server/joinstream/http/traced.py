"""A span for each request, for as long as it is answered; streams are long."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from joinstream.http.measured import measure_of
from joinstream.observe.tracing import request_span


class Traced:
    """Middleware inside of `Measured`, which knows the route."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        with request_span(scope["method"], Headers(scope=scope)) as span:

            async def observed_send(message: Message) -> None:
                if message["type"] == "http.response.start":
                    route = measure_of(scope).route
                    span.update_name(f"{scope['method']} {route}")
                    span.set_attribute("http.route", route)
                    span.set_attribute("http.response.status_code", message["status"])
                await send(message)

            await self._app(scope, receive, observed_send)
