"""Opens a graph to be read or updated, and tells its own code's failures from the server's."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.pregel import Pregel
from langgraph_sdk.auth.types import BaseUser
from langgraph_sdk.runtime import AccessContext

from joinstream.domain.failures import failure_of
from joinstream.errors import GraphUnusable
from joinstream.project import Project

Graph = Pregel[Any, Any, Any, Any]


@asynccontextmanager
async def opened_graph(
    project: Project,
    graph_id: str,
    config: RunnableConfig,
    access_context: AccessContext,
    saver: BaseCheckpointSaver[Any] | None = None,
    user: BaseUser | None = None,
) -> AsyncIterator[Graph]:
    """The graph, for as long as the context lasts.

    Raises GraphUnusable when the project has no such graph, or its factory fails. Errors of the
    body pass as they are.
    """
    if graph_id not in project.graph_ids:
        raise GraphUnusable(
            f"This server does not have graph {graph_id!r}; its graphs are "
            f"{', '.join(project.graph_ids)}."
        )
    async with AsyncExitStack() as stack:
        opening = project.open_graph(
            graph_id, config=config, access_context=access_context, user=user, checkpointer=saver
        )
        try:
            graph = await stack.enter_async_context(opening)
        except Exception as error:
            failure = failure_of(error)
            raise GraphUnusable(
                f"Graph {graph_id!r} cannot be opened: {failure['error']}: {failure['message']}"
            ) from error
        yield graph
