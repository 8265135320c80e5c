"""What `client.threads.stream` and `RemoteGraph.stream_events` do: the event-streaming protocol."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest

from tests.contract.test_remote_graph import on_a_thread, other
from tests.support.contract import AnyClient, AnyGraph, Official, contract

QUESTION = {"question": "Publish this?", "draft": "A few words about rain."}


@asynccontextmanager
async def entered(stream: Any, official: Official | AnyClient) -> AsyncIterator[Any]:
    """A stream of either kind, entered."""
    if official.kind == "async":
        async with stream as entered:
            yield entered
    else:
        entered = await asyncio.to_thread(stream.__enter__)
        try:
            yield entered
        finally:
            await asyncio.to_thread(stream.__exit__, None, None, None)


async def every(projection: Any, official: Official | AnyClient) -> list[Any]:
    """All that an iterator of either kind yields."""
    if official.kind == "async":
        return [item async for item in projection]
    return await asyncio.to_thread(list, projection)


async def made(call: Callable[[], Any]) -> Any:
    """What a call gives, blocking or to be awaited."""
    result = await asyncio.to_thread(call)
    return await result if hasattr(result, "__await__") else result


@contract("threads.stream")
async def test_stream(client: AnyClient) -> None:
    stream = client.threads.stream(assistant_id="echo", run_start_timeout=5.0)
    async with entered(stream, client) as thread:
        await made(lambda: thread.run.start(input={"text": "hi"}))
        assert (await every(thread.values, client))[-1] == {"text": "hi"}
        assert await made(lambda: thread.output) == {"text": "hi"}
        thread_id = thread.thread_id
    again = client.threads.stream(thread_id, assistant_id="echo", transport="sse")
    async with entered(again, client) as thread:
        assert await made(lambda: thread.output) == {"text": "hi"}


async def test_messages_are_assembled(client: AnyClient) -> None:
    async with entered(client.threads.stream(assistant_id="chat"), client) as thread:
        await made(lambda: thread.run.start(input={"messages": [("user", "hi there")]}))
        (message,) = await every(thread.messages, client)
        assert str(await made(lambda: message.text)) == "You said: hi there"


async def test_tool_calls_are_assembled(client: AnyClient) -> None:
    async with entered(client.threads.stream(assistant_id="agent"), client) as thread:
        await made(lambda: thread.run.start(input={"messages": [("user", "What is 2 + 3?")]}))
        (call,) = await every(thread.tool_calls, client)
        assert (call.name, call.input) == ("add", {"a": 2, "b": 3})


async def test_subgraphs_are_found(client: AnyClient) -> None:
    async with entered(client.threads.stream(assistant_id="research"), client) as thread:
        await made(lambda: thread.run.start(input={"question": "why"}))
        (child,) = await every(thread.subgraphs, client)
        assert (child.graph_name, child.status) == ("investigate", "completed")


async def test_a_question_is_answered(client: AnyClient) -> None:
    async with entered(client.threads.stream(assistant_id="approval"), client) as thread:
        await made(lambda: thread.run.start(input={"topic": "rain"}))
        await every(thread.values, client)
        (question,) = thread.interrupts
        assert (thread.interrupted, question["value"]) == (True, QUESTION)
        await made(lambda: thread.run.respond("yes"))
        assert (await made(lambda: thread.output))["published"] is True


async def test_a_failure_is_raised(client: AnyClient) -> None:
    async with entered(client.threads.stream(assistant_id="faulty"), client) as thread:
        await made(lambda: thread.run.start(input={"verb": "raise"}))
        with pytest.raises(RuntimeError, match="told to fail"):
            await made(lambda: thread.output)


async def test_a_cancelled_run_does_not_keep_its_reader(client: AnyClient) -> None:
    async with entered(client.threads.stream(assistant_id="counter"), client) as thread:
        run = await made(lambda: thread.run.start(input={"steps": 1000, "seconds": 0.05}))
        await client.runs.cancel(thread.thread_id, run["run_id"])
        assert len(await every(thread.values, client)) < 1000
        with pytest.raises(RuntimeError, match="cancelled by request"):
            await made(lambda: thread.output)


@contract("RemoteGraph.stream_events")
async def test_stream_events(graph: AnyGraph) -> None:
    config = {"configurable": {"thread_id": str(uuid4())}}
    for count in (2, 4):
        stream = graph.stream_events(
            input={"steps": 2},
            config=config,
            version="v3",
            interrupt_before=None,
            interrupt_after=None,
            control=None,
            transformers=None,
            metadata={"about": "events"},
        )
        async with entered(await stream, graph) as events:
            assert await output_of(events, graph) == {"steps": 0, "count": count}


async def output_of(events: Any, graph: AnyGraph) -> Any:
    if graph.kind == "async":
        return await events.output()
    return await asyncio.to_thread(lambda: events.output)


async def test_all_channels_of_a_remote_graph(graph: AnyGraph) -> None:
    stream = other(graph, "progress").stream_events({"total": 1}, on_a_thread(), version="v3")
    async with entered(await stream, graph) as events:
        custom = await every(events.extensions["custom"], graph)
        assert custom[0]["payload"]["label"] == "1 of 1"
