"""The API of a real application, in this process, without a worker.

Runs that a test creates stay pending; where a test needs an executed graph, it executes it itself.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from langgraph_sdk.client import LangGraphClient

from joinstream.app import create_app
from joinstream.backends import Backends, open_backends
from joinstream.project import Project, load_project
from joinstream.settings import load_settings
from joinstream.streams.memory import MemoryStreams

GRAPHS = Path(__file__).parents[2] / "graphs" / "langgraph.json"
TEST_GRAPHS = Path(__file__).parent / "project" / "langgraph.json"
"""The example graphs, and some that only tests need."""


@dataclass(frozen=True)
class Api:
    """One application: by plain HTTP, by the official client, and from within."""

    http: httpx.AsyncClient
    client: LangGraphClient
    backends: Backends
    project: Project

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
    database_uri: str, *, config: Path = GRAPHS, **settings: Any
) -> AsyncIterator[Api]:
    """Start an application on the example graphs, or on others; `settings` by field name."""
    loaded = load_settings(database_uri=database_uri, **settings)
    project = load_project(config)
    async with open_backends(
        loaded, project, application_name="test", memory_bus=MemoryStreams()
    ) as backends:
        app = create_app(loaded, project, backends)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as http,
        ):
            yield Api(http, LangGraphClient(http), backends, project)
