"""One shape for what a graph produces, whichever LangGraph call produces it."""

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any, NamedTuple, cast

from langchain_core.runnables import RunnableConfig
from langgraph.pregel import Pregel
from langgraph.types import StreamMode as GraphStreamMode

from joinstream.domain.kwargs import RunKwargs
from joinstream.domain.stream_modes import StreamMode


class GraphEvent(NamedTuple):
    """`namespace` is () for the root graph, else `node:<task id>` segments."""

    namespace: tuple[str, ...]
    mode: str
    data: Any


def graph_modes(asked: Iterable[StreamMode]) -> list[GraphStreamMode]:
    """What a graph must be asked for. `values` is always among it: it gives the run's output."""
    modes = {"messages" if mode == "messages-tuple" else mode for mode in asked} - {"events"}
    return cast("list[GraphStreamMode]", sorted(modes | {"values"}))


async def stream_graph(
    graph: Pregel[Any, Any, Any, Any],
    graph_input: Any,
    config: RunnableConfig,
    kwargs: RunKwargs,
    context: dict[str, Any] | None,
    *,
    durable: bool,
) -> AsyncIterator[GraphEvent]:
    """Execute the graph, yielding every event of the modes asked for, in the graph's order."""
    arguments: dict[str, Any] = {
        "context": context,
        "stream_mode": graph_modes(kwargs["stream_mode"]),
        "interrupt_before": kwargs["interrupt_before"],
        "interrupt_after": kwargs["interrupt_after"],
        "subgraphs": kwargs["subgraphs"],
    }
    if durable:
        arguments["durability"] = kwargs["durability"]
    if "events" in kwargs["stream_mode"]:
        events = _langchain_events(
            graph, graph_input, config, arguments, shows_values="values" in kwargs["stream_mode"]
        )
    else:
        events = _graph_events(graph.astream(graph_input, config, **arguments), kwargs["subgraphs"])
    async for event in events:
        yield event


async def _graph_events(chunks: AsyncIterator[Any], subgraphs: bool) -> AsyncIterator[GraphEvent]:
    async for chunk in chunks:
        yield _event(chunk, subgraphs)


def _event(chunk: Sequence[Any], subgraphs: bool) -> GraphEvent:
    return GraphEvent(*chunk) if subgraphs else GraphEvent((), *chunk)


async def _langchain_events(
    graph: Pregel[Any, Any, Any, Any],
    graph_input: Any,
    config: RunnableConfig,
    arguments: dict[str, Any],
    *,
    shows_values: bool,
) -> AsyncIterator[GraphEvent]:
    """astream_events, in which the graph's own stream modes travel as chunks of the root run.

    Values that nobody asked for are yielded as such, for the run's output, but not as events.
    """
    root = str(config["run_id"])
    async for event in graph.astream_events(graph_input, config, version="v2", **arguments):
        if event["event"] == "on_chain_stream" and event["run_id"] == root:
            produced = _event(event["data"]["chunk"], arguments["subgraphs"])
            yield produced
            if produced.mode == "values" and not shows_values:
                continue
        yield GraphEvent((), "events", event)
