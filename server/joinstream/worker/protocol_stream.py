"""A graph's execution as events of the event-streaming protocol, which LangGraph calls v3."""

from collections.abc import AsyncIterator
from typing import Any

from langchain_core._api import suppress_langchain_beta_warning
from langgraph.stream import ProtocolEvent, StreamChannel, StreamTransformer

from joinstream.worker.graph_call import GraphCall

TASKS = "joinstream.tasks"
"""The method of the events that have a task's namespace and its payload as their data."""


class _EverythingElse(StreamTransformer):
    """Has the graph produce what the built-in transformers do not ask for, and gives tasks a
    channel of their own: those transformers use them up.
    """

    _native = True
    required_stream_modes = ("updates", "custom", "checkpoints", "tools", "tasks")

    def __init__(self, scope: tuple[str, ...] = ()) -> None:
        super().__init__(scope)
        self._tasks: StreamChannel[Any] = StreamChannel(TASKS)

    def init(self) -> dict[str, Any]:
        return {TASKS: self._tasks}

    def process(self, event: ProtocolEvent) -> bool:
        if event["method"] == "tasks" and not self.scope:
            self._tasks.push((event["params"]["namespace"], event["params"]["data"]))
        return True


async def protocol_events(call: GraphCall) -> AsyncIterator[ProtocolEvent]:
    """Execute the graph, yielding all of its events, subgraphs included, in the graph's order."""
    with suppress_langchain_beta_warning():
        run = await call.graph.astream_events(
            call.input,
            call.config,
            version="v3",
            transformers=[_EverythingElse],
            **call.arguments(),
        )
    async with run:
        async for event in run:
            yield event
