"""A server inside a process that is somebody else's: `local` of the SDK, for scripts and tests."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from pydantic import SecretStr

from joinstream.observe.logging import leave_logging_to_host
from joinstream.processes.dev_options import short_grace_seconds
from joinstream.processes.home import clients_go_home
from joinstream.processes.listening import address_of, listen
from joinstream.processes.loops import on_another_thread, result_unless
from joinstream.processes.preparation import Prepared, settings_of
from joinstream.processes.together import serve_together
from joinstream.project import load_project
from joinstream.store.embedded import EmbeddedPostgres
from joinstream.store.embedded.account import started_as_root

HOST = "127.0.0.1"


@asynccontextmanager
async def local_server(config: Path, data_dir: Path | None) -> AsyncIterator[str]:
    """The server of `joinstream dev --no-reload`, in a thread with a loop of its own; its URL.

    It always has a Postgres of its own, in `data_dir` or in a folder that is removed at the end,
    and its events in memory: a DATABASE_URI in the environment may be that of production. The
    process's logging is left alone; its environment and import path get what the project asks for.

    Raises StartupError.
    """
    async with on_another_thread(lambda: _server(config, data_dir), "joinstream") as url:
        yield url


@asynccontextmanager
async def _server(config: Path, data_dir: Path | None) -> AsyncIterator[str]:
    with _folder(data_dir) as folder, _prepared(config, folder) as prepared:
        listener = listen(HOST, 0)
        ready, left = asyncio.Event(), asyncio.Event()
        serving = asyncio.create_task(
            serve_together(prepared, listener, on_ready=ready.set, until=left.wait)
        )
        await result_unless(serving, ready.wait())
        try:
            yield address_of(listener, prepared.settings)
        finally:
            left.set()
            await serving


@contextmanager
def _folder(data_dir: Path | None) -> Iterator[Path]:
    if data_dir is not None:
        yield data_dir
        return
    with tempfile.TemporaryDirectory(prefix="joinstream-") as folder:
        if started_as_root():
            # Postgres runs under another account then, which has to pass through here.
            Path(folder).chmod(0o711)
        yield Path(folder) / "data"


@contextmanager
def _prepared(config: Path, folder: Path) -> Iterator[Prepared]:
    leave_logging_to_host()
    settings = settings_of(config, bg_job_shutdown_grace_period_secs=short_grace_seconds())
    clients_go_home()
    project = load_project(config)
    with EmbeddedPostgres(folder) as postgres:
        own = {"database_uri": SecretStr(postgres.uri), "redis_uri": None}
        yield Prepared(settings.model_copy(update=own), project)
