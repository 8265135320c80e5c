"""The API of a real application, in this process, without a worker unless one is asked for.

Without a worker, runs stay pending; where a test needs an executed graph, it executes it itself.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from langgraph_sdk.client import LangGraphClient
from starlette.applications import Starlette

from joinstream.app import create_app
from joinstream.backends import Backends, open_backends
from joinstream.processes.api_server import ApiServer
from joinstream.processes.listening import listen, url_of
from joinstream.processes.loops import on_another_thread, result_unless
from joinstream.processes.preparation import settings_of
from joinstream.project import Project, load_project
from joinstream.services.run_creation import LocalWorker
from joinstream.settings import Settings
from joinstream.streams.memory import MemoryStreams
from joinstream.worker.main import running_worker
from joinstream.worker.watchdog import LoopWatchdog
from joinstream.worker.worker import Worker

GRAPHS = Path(__file__).parents[2] / "graphs" / "langgraph.json"
TEST_GRAPHS = Path(__file__).parent / "project" / "langgraph.json"
"""The example graphs, and some that only tests need."""
TENANTS = Path(__file__).parent / "tenants" / "langgraph.json"
"""Graphs with auth: everything belongs to whoever made it."""
VAULT = Path(__file__).parent / "vault" / "langgraph.json"
"""Graphs with handlers that encrypt, with a key for each tenant."""
VAULT_OF_TENANTS = Path(__file__).parent / "vault" / "tenants.json"
"""The same with auth, which tells the tenant."""


@dataclass(frozen=True)
class Api:
    """One application: by plain HTTP, by the official client, and from within."""

    app: Starlette
    http: httpx.AsyncClient
    client: LangGraphClient
    backends: Backends
    project: Project

    def client_with(self, headers: dict[str, str]) -> LangGraphClient:
        """The official client of somebody who sends these headers. It need not be closed."""
        transport = httpx.ASGITransport(self.app)
        return LangGraphClient(
            httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers)
        )

    async def execute(self, graph_id: str, thread_id: str, given: Any) -> None:
        """Execute a graph on a thread as a worker would, until it ends or is interrupted."""
        config: Any = {"configurable": {"thread_id": thread_id}}
        async with self.project.open_graph(
            graph_id,
            config=config,
            access_context="threads.create_run",
            checkpointer=self.backends.checkpoints.saver(),
        ) as graph:
            await graph.ainvoke(given, config)


@asynccontextmanager
async def running_api(
    database_uri: str,
    *,
    config: Path = GRAPHS,
    worker: bool = False,
    over_tcp: bool = False,
    **settings: Any,
) -> AsyncIterator[Api]:
    """Start an application on the example graphs, or on others; `settings` by field name.

    `over_tcp` puts the real HTTP server before it, for what only that does: streaming, leaving.
    """
    loaded = settings_of(config, database_uri=database_uri, **settings)
    project = load_project(config)
    memory = MemoryStreams()
    async with AsyncExitStack() as stack:
        backends = await stack.enter_async_context(
            open_backends(loaded, project, application_name="test", memory_bus=memory)
        )
        local_worker = (
            await stack.enter_async_context(_running_worker(loaded, project, memory))
            if worker
            else None
        )
        app = create_app(loaded, project, backends, local_worker=local_worker)
        http = await stack.enter_async_context(
            _client_over_tcp(app) if over_tcp else _client_inside(app)
        )
        yield Api(app, http, LangGraphClient(http), backends, project)


@asynccontextmanager
async def _client_inside(app: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as http,
    ):
        yield http


@asynccontextmanager
async def _client_over_tcp(app: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    listener, ready = listen("127.0.0.1", 0), asyncio.Event()
    server = ApiServer(app, listener, on_ready=ready.set, end_streams=app.state.open_streams.close)
    serving = asyncio.create_task(server.run_until_stopped())
    await result_unless(serving, ready.wait())
    try:
        async with httpx.AsyncClient(base_url=url_of(listener), timeout=30) as http:
            yield http
    finally:
        server.stop()
        await serving


@asynccontextmanager
async def _running_worker(
    settings: Settings, project: Project, memory: MemoryStreams
) -> AsyncIterator[LocalWorker]:
    """A worker in a thread of its own, as `joinstream dev` has it."""

    @asynccontextmanager
    async def open_worker() -> AsyncIterator[Worker]:
        watchdog = LoopWatchdog(asyncio.get_running_loop())
        async with (
            open_backends(
                settings, project, application_name="test worker", memory_bus=memory
            ) as backends,
            running_worker(settings, project, backends, watchdog=watchdog) as worker,
        ):
            yield worker

    async with on_another_thread(open_worker, "worker") as worker:
        yield worker
