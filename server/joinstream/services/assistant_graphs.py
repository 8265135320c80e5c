"""What an assistant's graph looks like: its nodes and edges, its schemas, its subgraphs."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

import structlog
from langchain_core.runnables import RunnableConfig
from langgraph.pregel import Pregel

from joinstream.domain.assistants import Assistant
from joinstream.domain.run_request import with_headers
from joinstream.errors import Unprocessable
from joinstream.ports.access import Access
from joinstream.project import GraphSchemas, Project, graph_schemas
from joinstream.services.open_graph import Graph, opened_graph

Headers = Mapping[str, str]

log = structlog.get_logger(__name__)


class AssistantGraphs:
    """Describes the graphs behind assistants. Every method raises GraphUnusable as a run would.

    `headers` are those of the request that a graph's factory is to know.
    """

    def __init__(self, project: Project, access: Access) -> None:
        self._project = project
        self._access = access

    async def drawing(
        self, assistant: Assistant, headers: Headers, *, xray: bool | int
    ) -> dict[str, Any]:
        """Nodes and edges; `xray` also draws the inside of subgraphs, that many levels deep.

        Raises Unprocessable when the graph cannot be drawn.
        """
        async with self._opened(assistant, headers) as graph:
            try:
                drawn = (await graph.aget_graph(xray=xray)).to_json()
            except Exception as error:  # whatever the graph's own types raise
                log.warning("graph cannot be drawn", graph_id=assistant.graph_id, exc_info=error)
                raise Unprocessable(
                    f"Graph {assistant.graph_id!r} cannot be drawn: {type(error).__name__}."
                ) from error
        return {"nodes": [_without_class(node) for node in drawn["nodes"]], "edges": drawn["edges"]}

    async def schemas(self, assistant: Assistant, headers: Headers) -> dict[str, Any]:
        """The graph's id and its JSON schemas."""
        async with self._opened(assistant, headers) as graph:
            return {"graph_id": assistant.graph_id, **graph_schemas(graph)}

    async def subgraphs(
        self, assistant: Assistant, headers: Headers, namespace: str | None, *, recurse: bool
    ) -> dict[str, GraphSchemas]:
        """The schemas of the subgraphs by namespace; of one that does not exist there are none."""
        async with self._opened(assistant, headers) as graph:
            found = graph.aget_subgraphs(namespace=namespace, recurse=recurse)
            return {
                name: graph_schemas(subgraph)
                async for name, subgraph in found
                if isinstance(subgraph, Pregel)
            }

    async def takes_messages(self, assistant: Assistant, headers: Headers) -> bool:
        """Whether the graph has a `messages` channel, so that it can be talked to."""
        async with self._opened(assistant, headers) as graph:
            return "messages" in graph.channels

    async def stream_mode(self, assistant: Assistant, headers: Headers) -> str:
        """What the graph's own `stream` yields for those who do not say what they want."""
        async with self._opened(assistant, headers) as graph:
            return graph.stream_mode

    def _opened(self, assistant: Assistant, headers: Headers) -> AbstractAsyncContextManager[Graph]:
        merged = with_headers({"configurable": assistant.config.get("configurable")}, headers)
        config = RunnableConfig(configurable=merged["configurable"])
        caller = self._access.caller
        user = caller.user if caller else None
        return opened_graph(self._project, assistant.graph_id, config, "assistants.read", user=user)


def _without_class(node: dict[str, Any]) -> dict[str, Any]:
    """A node without the import path of its class, which is nobody's business."""
    data = node.get("data")
    if not isinstance(data, dict):
        return node
    return {**node, "data": {key: value for key, value in data.items() if key != "id"}}
