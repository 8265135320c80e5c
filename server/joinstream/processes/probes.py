"""What a worker that stands alone answers to those who watch it: `/ok` and `/metrics`.

They are answered on a thread with an event loop of its own: a graph that blocks the worker's loop
keeps nobody from learning that the process lives, and that its loop does not answer.
"""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from starlette.applications import Starlette
from starlette.middleware import Middleware

from joinstream.backends import Backends
from joinstream.http.errors import UnexpectedErrors, exception_handlers
from joinstream.http.system import routes
from joinstream.mounting.door import PROBES
from joinstream.processes.api_server import ApiServer
from joinstream.processes.listening import url_of
from joinstream.processes.loops import on_another_thread, result_unless
from joinstream.services import Vitals
from joinstream.store.errors import as_request_error
from joinstream.vitals import make_vitals

log = structlog.get_logger(__name__)


@asynccontextmanager
async def answering_probes(listener: socket.socket, backends: Backends) -> AsyncIterator[None]:
    """Answer during the body. Call it in the loop of the backends."""
    vitals = make_vitals(backends, asyncio.get_running_loop())
    async with on_another_thread(lambda: _serving(_app(vitals), listener), "probes"):
        log.info("probes are answered", url=url_of(listener))
        yield


def _app(vitals: Vitals) -> Starlette:
    app = Starlette(
        routes=[route for route in routes if route.path in PROBES],
        middleware=[Middleware(UnexpectedErrors, translate=as_request_error)],
        exception_handlers=exception_handlers,
    )
    app.state.vitals = vitals
    return app


@asynccontextmanager
async def _serving(app: Starlette, listener: socket.socket) -> AsyncIterator[None]:
    ready = asyncio.Event()
    server = ApiServer(app, listener, on_ready=ready.set, end_streams=lambda: None)
    serving = asyncio.create_task(server.run_until_stopped(), name="probes")
    await result_unless(serving, ready.wait())
    try:
        yield
    finally:
        server.stop()
        await serving
