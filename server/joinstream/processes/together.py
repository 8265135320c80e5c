"""API and worker in one process, as `joinstream dev` and `joinstream_sdk.local` have them."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from joinstream.app import create_app
from joinstream.backends import database_uri, open_backends
from joinstream.item_store.config import item_store_config
from joinstream.item_store.tables import make_tables
from joinstream.processes.api_server import ApiServer
from joinstream.processes.home import home_is
from joinstream.processes.listening import address_of
from joinstream.processes.loops import on_another_thread, result_unless
from joinstream.processes.preparation import Prepared
from joinstream.settings import Settings
from joinstream.store.migrate import migrate
from joinstream.streams.memory import MemoryStreams
from joinstream.worker.main import running_worker
from joinstream.worker.watchdog import LoopWatchdog
from joinstream.worker.worker import Worker


async def serve_together(
    prepared: Prepared,
    listener: socket.socket,
    *,
    on_ready: Callable[[], None],
    until: Callable[[], Coroutine[Any, Any, object]],
) -> None:
    """Serve in this loop, with the worker in a thread of its own, until `until()` is over.

    The database is brought to the schema of this release first. Raises StartupError.
    """
    settings, project = prepared
    address = address_of(listener, settings)
    home_is(address)
    memory = _memory_streams(settings)

    @asynccontextmanager
    async def open_worker() -> AsyncIterator[Worker]:
        home_is(address)
        watchdog = LoopWatchdog(asyncio.get_running_loop())
        async with (
            open_backends(
                settings, project, application_name="joinstream dev worker", memory_bus=memory
            ) as backends,
            running_worker(settings, project, backends, watchdog=watchdog) as worker,
        ):
            yield worker

    await migrate(database_uri(settings))
    await make_tables(database_uri(settings), item_store_config(project.config))
    async with open_backends(
        settings, project, application_name="joinstream dev", memory_bus=memory
    ) as backends:
        async with on_another_thread(open_worker, "worker") as worker:
            app = create_app(settings, project, backends, local_worker=worker)
            server = ApiServer(
                app, listener, on_ready=on_ready, end_streams=app.state.open_streams.close
            )
            serving = asyncio.create_task(server.run_until_stopped(), name="api")
            await result_unless(serving, until())
        # The worker has drained, and those who listen have been told how their runs ended.
        server.stop()
        await serving


def _memory_streams(settings: Settings) -> MemoryStreams | None:
    """None when Redis carries the events."""
    if settings.redis_uri is not None:
        return None
    return MemoryStreams(
        max_entries=settings.stream_log_max_entries, max_bytes=settings.stream_log_max_bytes
    )
