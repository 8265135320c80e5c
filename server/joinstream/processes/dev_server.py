"""The server of `joinstream dev` in one process: API, worker, and Postgres unless one is set.

`main` is where it begins as the child of the reloading parent.
"""

import asyncio
import json
import signal
import socket
import sys
from contextlib import ExitStack

import structlog
from pydantic import SecretStr

from joinstream.processes.dev_options import DevOptions, for_development, short_grace_seconds
from joinstream.processes.exits import leave, one_line_errors
from joinstream.processes.link import LinkToParent
from joinstream.processes.loops import run_loop, within
from joinstream.processes.memory import settle_memory
from joinstream.processes.preparation import Prepared, prepare
from joinstream.processes.ready_line import say_ready
from joinstream.processes.stop_signals import FROM_OUTSIDE, StopSignals
from joinstream.processes.together import serve_together
from joinstream.store.embedded import EmbeddedPostgres

log = structlog.get_logger(__name__)

STUCK_SECONDS = 5.0
"""What a stop may take on top of the grace period of runs."""


def run_dev_server(
    options: DevOptions, listener: socket.socket, parent: LinkToParent | None = None
) -> None:
    """Serve until a signal or, as a child, the end of the parent. Raises StartupError."""
    prepared = prepare(
        options.config,
        n_jobs_per_worker=options.jobs_per_worker,
        bg_job_shutdown_grace_period_secs=short_grace_seconds(),
    )
    prepared = prepared._replace(settings=for_development(prepared.settings))
    settle_memory()
    with ExitStack() as closing:
        prepared, storage = _with_postgres(prepared, options, closing)
        run_loop(_DevServer(prepared, storage, listener, parent, closing).run())


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
        self._prepared = prepared
        self._storage = storage
        self._listener = listener
        self._parent = parent
        self._closing = closing

    async def run(self) -> None:
        signals = self._listen_for_stop()
        giving_up = asyncio.create_task(self._end_now_when_urgent(signals))
        try:
            await serve_together(
                self._prepared,
                self._listener,
                on_ready=self._say_ready,
                until=signals.requested.wait,
            )
        finally:
            giving_up.cancel()

    def _say_ready(self) -> None:
        settings, project = self._prepared
        say_ready(self._listener, settings, project, self._storage)
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
        """At a second signal, or when a graph that cannot be stopped keeps us from ending."""
        await signals.requested.wait()
        grace = self._prepared.settings.bg_job_shutdown_grace_period_secs
        await within(grace + STUCK_SECONDS, signals.urgent.wait())
        log.warning("ending at once; unfinished runs are taken up by the next start")
        self._closing.close()
        leave(1)


def main() -> None:
    """Entry of the child: link descriptor and options as start_child passes them."""
    parent = LinkToParent(int(sys.argv[1]))
    content = json.loads(sys.argv[2])
    listener = socket.socket(fileno=content.pop("listener"))
    with one_line_errors():
        run_dev_server(DevOptions.from_json(content), listener, parent)
    leave(0)
