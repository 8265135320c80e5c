"""Counts requests by route: outermost, so that whatever is answered is counted."""

from dataclasses import dataclass
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from joinstream.observe import metrics

_KEY = "joinstream.measure"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""Strangers may send any; each would be a row of its own."""


@dataclass(slots=True)
class Measure:
    """What is known of a request. One object, however often its scope is copied on the way in.

    `started` is on the clock of perf_counter; `route` is the template of its path.
    """

    started: float
    route: str = "other"

    def seconds(self) -> float:
        """Since the request came."""
        return perf_counter() - self.started


def measure_of(scope: Scope) -> Measure:
    """That of the request; a new one where nobody measures."""
    measure: Measure | None = scope.get(_KEY)
    return measure or Measure(perf_counter())


class Measured:
    """Latency is the time until an answer begins: how long a stream lasts says nothing of it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        measure = Measure(perf_counter())

        async def observed_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                _count(scope["method"], measure, message["status"])
            await send(message)

        await self._app({**scope, _KEY: measure}, receive, observed_send)


def _count(method: str, measure: Measure, status: int) -> None:
    method = method if method in _METHODS else "other"
    metrics.HTTP_REQUESTS.labels(method, measure.route, status).inc()
    metrics.HTTP_LATENCY.labels(method, measure.route).observe(measure.seconds() * 1000)
