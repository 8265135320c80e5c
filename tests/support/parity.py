"""What a run's stream has to be, said by LangGraph itself, and how two streams are compared.

`expected_stream` calls the graph's own `astream` or `astream_events` in this process and names the
events as the official server does; nothing of the server takes part in it. `comparable` makes two
executions of one graph equal that differ only in their ids and times.
"""

import dataclasses
import json
import re
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from langchain_core.messages import BaseMessage, BaseMessageChunk, message_chunk_to_message
from langgraph.pregel import Pregel
from langgraph.types import Send

Graph = Pregel[Any, Any, Any, Any]
Chunk = tuple[tuple[str, ...], str, Any]
"""Namespace, mode and data, as a graph streams them."""


class Event(NamedTuple):
    """An event's name, with its namespace behind bars, and its data."""

    name: str
    data: Any


async def expected_stream(
    graph: Graph, graph_input: Any, config: Any, modes: Sequence[str], *, subgraphs: bool
) -> list[Event]:
    """The events of one run that asks for `modes`."""
    chunks = _chunks(graph, graph_input, config, modes, subgraphs)
    accumulated: dict[str, BaseMessage] = {}
    events: list[Event] = []
    async for namespace, mode, data in chunks:
        if mode == "messages" and "messages-tuple" not in modes:
            produced = list(_accumulating(accumulated, *data))
        else:
            produced = [Event("|".join((mode, *namespace)), _with_checkpoint_ids(mode, data))]
        # At once, because a later reducer gives ids to messages that are still the same objects.
        events += [Event(event.name, as_json(event.data)) for event in produced]
    return events


def _chunks(
    graph: Graph, graph_input: Any, config: Any, modes: Sequence[str], subgraphs: bool
) -> AsyncIterator[Chunk]:
    asked = {"messages" if mode == "messages-tuple" else mode for mode in modes}
    graph_modes: Any = sorted(asked - {"events"})
    if "events" in asked:
        return _with_langchain_events(graph, graph_input, config, graph_modes, subgraphs)
    chunks: Any = graph.astream(graph_input, config, stream_mode=graph_modes, subgraphs=subgraphs)
    return chunks if subgraphs else _at_root(chunks)


async def _at_root(chunks: AsyncIterator[Any]) -> AsyncIterator[Chunk]:
    async for mode, data in chunks:
        yield (), mode, data


async def _with_langchain_events(
    graph: Graph, graph_input: Any, config: Any, graph_modes: list[str], subgraphs: bool
) -> AsyncIterator[Chunk]:
    async for event in graph.astream_events(
        graph_input, config, version="v2", stream_mode=graph_modes, subgraphs=subgraphs
    ):
        if event["event"] == "on_chain_stream" and event["run_id"] == str(config["run_id"]):
            chunk = event["data"]["chunk"]
            yield chunk if subgraphs else ((), *chunk)
        yield (), "events", event


def _accumulating(
    seen: dict[str, BaseMessage], message: BaseMessage, metadata: dict[str, Any]
) -> Iterable[Event]:
    """The `messages` mode: each message announced once, then what there is of it so far."""
    assert message.id is not None
    if message.id not in seen:
        yield Event("messages/metadata", {message.id: {"metadata": metadata}})
    if not isinstance(message, BaseMessageChunk):
        seen[message.id] = message
        yield Event("messages/complete", [message])
        return
    before = seen.get(message.id)
    seen[message.id] = before + message if isinstance(before, BaseMessageChunk) else message
    yield Event("messages/partial", [message_chunk_to_message(seen[message.id])])


def _with_checkpoint_ids(mode: str, data: Any) -> Any:
    """A `debug` checkpoint also names itself and its parent as checkpoint objects."""
    if mode != "debug" or data["type"] != "checkpoint":
        return data
    payload = data["payload"]
    checkpoint = _checkpoint_of(payload["config"])
    parent = _checkpoint_of(payload["parent_config"])
    payload = {**payload, "checkpoint": checkpoint, "parent_checkpoint": parent}
    return {**data, "payload": payload}


def _checkpoint_of(config: Any) -> Any:
    if config is None:
        return None
    names = ("thread_id", "checkpoint_ns", "checkpoint_id")
    return {name: config["configurable"][name] for name in names}


def as_json(value: Any) -> Any:
    """Through the standard library's JSON, and back."""
    return json.loads(json.dumps(value, default=_foreign))


def _foreign(value: Any) -> Any:
    if isinstance(value, Send):
        return {"node": value.node, "args": value.arg}
    if hasattr(value, "model_dump"):
        return value.model_dump()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset):
        return list(value)
    return None


_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(\+00:00|Z)")
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\b[0-9a-f]{32}\b")


def comparable(events: Sequence[Event]) -> list[Event]:
    """The events with every id replaced by its number in order of appearance, every time by `time`.

    Runs, threads, checkpoints, tasks, messages and interrupts have ids that no two executions
    share. Two streams are the same when one becomes the other by renaming ids one to one: an id
    that one stream repeats has to be repeated by the other at the same places.
    """
    numbers: dict[str, str] = {}

    def number(match: re.Match[str]) -> str:
        return numbers.setdefault(match[0], f"id-{len(numbers)}")

    text = json.dumps([list(event) for event in events], sort_keys=True)
    return [Event(*event) for event in json.loads(_ID.sub(number, _TIME.sub("time", text)))]
