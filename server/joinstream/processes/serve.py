"""`joinstream serve`: the API in this process, workers in children which are kept alive."""

import asyncio
import socket
from pathlib import Path

from joinstream.app import create_app
from joinstream.backends import database_uri, open_backends
from joinstream.processes.api_server import ApiServer
from joinstream.processes.child import Child, start_child
from joinstream.processes.home import home_is
from joinstream.processes.listening import address_of
from joinstream.processes.loops import result_unless, run_loop
from joinstream.processes.memory import settle_memory
from joinstream.processes.preparation import Prepared, prepare, require_migrated
from joinstream.processes.ready_line import say_ready
from joinstream.processes.stop_signals import FROM_OUTSIDE, StopSignals
from joinstream.processes.supervise import keep_alive

WORKER_MODULE = "joinstream.processes.worker"


def run_server(config: Path, listener: socket.socket, workers: int | None) -> None:
    """Serve until a signal; `workers` None: as the settings say. Raises StartupError."""
    prepared = prepare(config, workers=workers)
    settle_memory()
    run_loop(_Server(prepared, config, listener).run())


class _Server:
    def __init__(self, prepared: Prepared, config: Path, listener: socket.socket) -> None:
        self._settings, self._project = prepared
        self._config = config
        self._listener = listener
        self._address = address_of(listener, self._settings)

    async def run(self) -> None:
        signals = StopSignals()
        signals.listen(*FROM_OUTSIDE)
        home_is(self._address)
        await require_migrated(database_uri(self._settings))
        async with open_backends(
            self._settings, self._project, application_name="joinstream api"
        ) as backends:
            app = create_app(self._settings, self._project, backends)
            workers: list[asyncio.Task[None]] = []

            def on_ready() -> None:
                """Workers of an API that does not start would only be in the way of its end."""
                self._say_ready()
                workers.extend(self._start_workers(signals))

            server = ApiServer(
                app,
                self._listener,
                on_ready=on_ready,
                end_streams=app.state.open_streams.close,
            )
            serving = asyncio.create_task(server.run_until_stopped(), name="api")
            await result_unless(serving, signals.requested.wait())
            signals.requested.set()
            # Streams stay open meanwhile: runs that end within the grace period are seen to end.
            await asyncio.gather(*workers)
            server.force_exit = signals.urgent.is_set()
            server.stop()
            if server.started:  # else the application's own start may hang
                await result_unless(serving, signals.urgent.wait())

    def _start_workers(self, signals: StopSignals) -> list[asyncio.Task[None]]:
        return [
            asyncio.create_task(
                keep_alive(
                    f"worker {number}",
                    self._start_worker,
                    signals,
                    grace_seconds=self._settings.bg_job_shutdown_grace_period_secs,
                )
            )
            for number in range(1, self._settings.workers + 1)
        ]

    async def _start_worker(self) -> Child:
        return await start_child(
            WORKER_MODULE,
            {"config": str(self._config), "jobs_per_worker": None, "api": self._address},
        )

    def _say_ready(self) -> None:
        count = self._settings.workers
        workers = "1 worker" if count == 1 else f"{count} workers"
        say_ready(self._listener, self._settings, self._project, workers)
