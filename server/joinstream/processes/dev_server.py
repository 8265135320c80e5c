"""The server of `joinstream dev` in one process: API, worker, and Postgres unless one is set.

`main` is where it begins as the child of the reloading parent.
"""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager

from pydantic import SecretStr

from joinstream.app import create_app
from joinstream.backends import database_uri, open_backends
from joinstream.processes.api_server import ApiServer
from joinstream.processes.dev_options import DevOptions
from joinstream.processes.exits import leave, one_line_errors
from joinstream.processes.link import LinkToParent
from joinstream.processes.loops import on_another_thread, result_unless, run_loop
from joinstream.processes.preparation import Prepared, prepare
from joinstream.processes.ready_line import say_ready
from joinstream.processes.stop_signals import FROM_OUTSIDE, StopSignals
from joinstream.settings import Settings
from joinstream.store.embedded import EmbeddedPostgres
from joinstream.store.migrate import migrate
from joinstream.streams.memory import MemoryStreams
from joinstream.worker.main import running_worker
from joinstream.worker.watchdog import LoopWatchdog
from joinstream.worker.worker import Worker

GRACE_SECONDS = 2.0
"""For executing runs when the server stops or reloads, unless the settings give a time."""


def run_dev_server(
    options: DevOptions, listener: socket.socket, parent: LinkToParent | None = None
) -> None:
    """Serve until a signal or, as a child, the end of the parent. Raises StartupError."""
    prepared = prepare(
        options.config,
        n_jobs_per_worker=options.jobs_per_worker,
        bg_job_shutdown_grace_period_secs=_grace_seconds(),
    )
    with ExitStack() as closing:
        prepared, storage = _with_postgres(prepared, options, closing)
        run_loop(_DevServer(prepared, storage, listener, parent, closing).run())


def _grace_seconds() -> float | None:
    return None if os.environ.get("BG_JOB_SHUTDOWN_GRACE_PERIOD_SECS") else GRACE_SECONDS


def _with_postgres(
    prepared: Prepared, options: DevOptions, closing: ExitStack
) -> tuple[Prepared, str]:
    """Start the embedded Postgres unless an address is set; also says where the data is."""
    settings = prepared.settings
    if settings.database_uri is not None:
        return prepared, "Postgres of DATABASE_URI"
    postgres = closing.enter_context(EmbeddedPostgres(options.data_dir))
    settings = settings.model_copy(update={"database_uri": SecretStr(postgres.uri)})
    return prepared._replace(settings=settings), f"embedded Postgres, data in {options.data_dir}"


class _DevServer:
    """Made before its loop runs; `run` is its life."""

    def __init__(
        self,
        prepared: Prepared,
        storage: str,
        listener: socket.socket,
        parent: LinkToParent | None,
        closing: ExitStack,
    ) -> None:
        self._settings, self._project = prepared
        self._storage = storage
        self._listener = listener
        self._parent = parent
        self._closing = closing
        self._memory = _memory_streams(self._settings)

    async def run(self) -> None:
        signals = self._listen_for_stop()
        giving_up = asyncio.create_task(self._end_now_when_urgent(signals))
        try:
            await migrate(database_uri(self._settings))
            await self._serve(signals)
        finally:
            giving_up.cancel()

    async def _serve(self, signals: StopSignals) -> None:
        async with open_backends(
            self._settings, application_name="joinstream dev", memory_bus=self._memory
        ) as backends:
            async with on_another_thread(self._worker, "worker") as worker:
                app = create_app(self._settings, self._project, backends, local_worker=worker)
                server = ApiServer(
                    app,
                    self._listener,
                    on_ready=self._say_ready,
                    end_streams=app.state.open_streams.close,
                )
                serving = asyncio.create_task(server.run_until_stopped(), name="api")
                await result_unless(serving, signals.requested.wait())
            # The worker has drained, and those who listen have been told how their runs ended.
            server.stop()
            await serving

    @asynccontextmanager
    async def _worker(self) -> AsyncIterator[Worker]:
        watchdog = LoopWatchdog(asyncio.get_running_loop())
        async with (
            open_backends(
                self._settings, application_name="joinstream dev worker", memory_bus=self._memory
            ) as backends,
            running_worker(self._settings, self._project, backends, watchdog=watchdog) as worker,
        ):
            yield worker

    def _say_ready(self) -> None:
        say_ready(self._listener, self._settings, self._project, self._storage)
        if self._parent is not None:
            self._parent.say_ready()

    def _listen_for_stop(self) -> StopSignals:
        signals = StopSignals()
        if self._parent is None:
            signals.listen(*FROM_OUTSIDE)
        else:
            signals.listen(signal.SIGTERM)
            self._parent.when_parent_ends(signals.request)
        return signals

    async def _end_now_when_urgent(self, signals: StopSignals) -> None:
        await signals.urgent.wait()
        self._closing.close()
        leave(1)


def _memory_streams(settings: Settings) -> MemoryStreams | None:
    """None when Redis carries the events."""
    if settings.redis_uri is not None:
        return None
    return MemoryStreams(
        max_entries=settings.stream_log_max_entries, max_bytes=settings.stream_log_max_bytes
    )


def main() -> None:
    """Entry of the child: link descriptor and options as start_child passes them."""
    parent = LinkToParent(int(sys.argv[1]))
    content = json.loads(sys.argv[2])
    listener = socket.socket(fileno=content.pop("listener"))
    with one_line_errors():
        run_dev_server(DevOptions.from_json(content), listener, parent)
    leave(0)
