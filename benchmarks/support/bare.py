"""The floor: the same graph called in this process, without a server."""

import gc
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

from langchain_core.runnables import RunnableConfig
from langgraph.pregel import Pregel
from langgraph.types import StreamMode

Graph = Pregel[Any, Any, Any, Any]


class Cost(NamedTuple):
    """Seconds of CPU and of wall time."""

    cpu: float
    wall: float


async def cost_of(act: Callable[[], Awaitable[object]], *, times: int) -> Cost:
    """The mean cost of awaiting `act()`, after one time that does not count."""
    await act()
    gc.collect()
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(times):
        await act()
    return Cost((time.process_time() - cpu) / times, (time.perf_counter() - wall) / times)


async def stream_through(graph: Graph, given: Mapping[str, Any], mode: StreamMode) -> None:
    """Run the graph and take every event of one stream mode."""
    async for _ in graph.astream(given, RunnableConfig(), stream_mode=mode):
        pass


async def first_event_after(graph: Graph, given: Mapping[str, Any], mode: StreamMode) -> float:
    """Seconds from the call to the graph's first event; the run is finished all the same."""
    began, first = time.perf_counter(), None
    async for _ in graph.astream(given, RunnableConfig(), stream_mode=mode):
        first = first or time.perf_counter() - began
    assert first is not None
    return first
