"""One shape for what a graph produces, whichever LangGraph call produces it."""

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any, NamedTuple, cast

from langgraph.types import StreamMode as GraphStreamMode

from joinstream.domain.stream_modes import StreamMode
from joinstream.worker.graph_call import GraphCall


class GraphEvent(NamedTuple):
    """`namespace` is () for the root graph, else `node:<task id>` segments."""

    namespace: tuple[str, ...]
    mode: str
    data: Any


def graph_modes(asked: Iterable[StreamMode]) -> list[GraphStreamMode]:
    """What a graph must be asked for. `values` is always among it: it gives the run's output."""
    modes = {"messages" if mode == "messages-tuple" else mode for mode in asked} - {"events"}
    return cast("list[GraphStreamMode]", sorted(modes | {"values"}))


async def stream_graph(call: GraphCall) -> AsyncIterator[GraphEvent]:
    """Execute the graph, yielding every event of the modes asked for, in the graph's order."""
    asked, subgraphs = call.kwargs["stream_mode"], call.kwargs["subgraphs"]
    modes = graph_modes(asked)
    arguments = {**call.arguments(), "stream_mode": modes, "subgraphs": subgraphs}
    if "events" in asked:
        events = _langchain_events(call, arguments, shows_values="values" in asked)
    else:
        chunks = call.graph.astream(call.input, call.config, **arguments)
        events = _graph_events(chunks, subgraphs)
    async for event in events:
        yield event


async def _graph_events(chunks: AsyncIterator[Any], subgraphs: bool) -> AsyncIterator[GraphEvent]:
    async for chunk in chunks:
        yield _event(chunk, subgraphs)


def _event(chunk: Sequence[Any], subgraphs: bool) -> GraphEvent:
    return GraphEvent(*chunk) if subgraphs else GraphEvent((), *chunk)


async def _langchain_events(
    call: GraphCall, arguments: dict[str, Any], *, shows_values: bool
) -> AsyncIterator[GraphEvent]:
    """astream_events, in which the graph's own stream modes travel as chunks of the root run.

    Values that nobody asked for are yielded as such, for the run's output, but not as events.
    """
    root = str(call.config["run_id"])
    everything = call.graph.astream_events(call.input, call.config, version="v2", **arguments)
    async for event in everything:
        if event["event"] == "on_chain_stream" and event["run_id"] == root:
            produced = _event(event["data"]["chunk"], arguments["subgraphs"])
            yield produced
            if produced.mode == "values" and not shows_values:
                continue
        yield GraphEvent((), "events", event)
