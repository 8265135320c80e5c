"""uvicorn, told from outside when to stop, and telling when it answers."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
)
from typing import Any

import structlog
import uvicorn
from starlette.applications import Starlette

from joinstream.errors import StartupError
from joinstream.http.sse import ResponseCutOff
from joinstream.processes.bounded_requests import BoundedRequests

log = structlog.get_logger(__name__)

UNFINISHED_REQUEST_SECONDS = 10.0
"""How long a request may go on after the stop; streams are ended at once."""
KEEP_ALIVE_SECONDS = 75
"""Longer than clients keep idle connections, so that none is closed while it is picked up."""

SLOW_LIFESPAN_SECONDS = 10.0
"""After this an application that still starts or ends is worth a line in the log."""


def _is_news(record: logging.LogRecord) -> bool:
    """Not so: a response that we cut off ourselves, to make its client come back for the rest."""
    return not (record.exc_info and isinstance(record.exc_info[1], ResponseCutOff))


class ApiServer(uvicorn.Server):
    """Serves an app on a socket that is listening already.

    `on_ready` is called once requests are answered; `end_streams` when the stop begins, for
    responses that would not end by themselves.
    """

    def __init__(
        self,
        app: Starlette,
        listener: socket.socket,
        *,
        on_ready: Callable[[], None],
        end_streams: Callable[[], None],
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=BoundedRequests,
                loop="none",
                lifespan="off",
                log_config=None,
                log_level="warning",
                access_log=False,
                server_header=False,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=int(UNFINISHED_REQUEST_SECONDS),
            )
        )
        logging.getLogger("uvicorn.error").addFilter(_is_news)
        self._app = app
        self._state: Mapping[str, Any] = {}
        self._listener = listener
        self._on_ready = on_ready
        self._end_streams = end_streams

    async def run_until_stopped(self) -> None:
        """Serve until `stop`. Raises StartupError when the app's own start-up fails."""
        async with self._lifespan():
            await self.serve(sockets=[self._listener])

    @asynccontextmanager
    async def _lifespan(self) -> AsyncIterator[None]:
        """The app's own start and end. Of uvicorn's hands, a failure would come as a traceback."""
        async with AsyncExitStack() as stack:
            lifespan: AbstractAsyncContextManager[Any] = self._app.router.lifespan_context(
                self._app
            )
            try:
                with _told_when_slow("the application has not started yet: its lifespan goes on"):
                    self._state = await stack.enter_async_context(lifespan) or {}
            except StartupError:
                raise
            except Exception as error:
                log.exception("the application does not start")
                raise StartupError(
                    "The application's start-up failed; the log above says why."
                ) from error
            yield
            try:
                with _told_when_slow(
                    "the application has not ended yet: its lifespan goes on; "
                    "another signal ends the process"
                ):
                    await stack.aclose()
            except Exception:
                log.exception("the application did not end as it should")

    def stop(self) -> None:
        """Take no more connections, end the streams, let requests finish."""
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self.lifespan.state.update(self._state)
        await super().startup(sockets)
        self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._end_streams()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are for the whole process to handle, not for its web server."""
        yield


@contextmanager
def _told_when_slow(event: str) -> Iterator[None]:
    """A hang would look as if nothing went on at all."""
    loop = asyncio.get_running_loop()
    timer = loop.call_later(SLOW_LIFESPAN_SECONDS, log.warning, event)
    try:
        yield
    finally:
        timer.cancel()
