"""The messages of a classic run, told in the events of the protocol.

Both classic forms are read: tuples of a chunk and its metadata, and messages that grow.
"""

from collections.abc import Iterator
from typing import Any

import orjson

Data = dict[str, Any]


class ClassicMessages:
    """What was told so far of the messages of one run."""

    def __init__(self) -> None:
        self._nodes: dict[str, str | None] = {}
        self._open: dict[str, _Told] = {}

    def of_metadata(self, data: dict[str, Any]) -> None:
        """`messages/metadata` says which node a message comes from."""
        for message_id, about in data.items():
            self._nodes[message_id] = about.get("metadata", {}).get("langgraph_node")

    def of_tuple(self, message: Data, metadata: Data) -> tuple[str | None, list[Data]]:
        """`messages`: a chunk that continues the message, or a whole message; and its node."""
        node = metadata.get("langgraph_node")
        if not str(message.get("type", "")).endswith("Chunk"):
            return node, list(_whole(message, node))
        told = self._told(message, node)
        events = [*told.begin(), *told.add(_text(message), message.get("tool_call_chunks") or ())]
        if message.get("chunk_position") == "last":
            events += self._finish(told)
        return node, events

    def of_partial(self, message: Data) -> tuple[str | None, list[Data]]:
        """`messages/partial`: the message as far as it has grown."""
        told = self._told(message, self._nodes.get(message.get("id") or ""))
        grown = _text(message).removeprefix(told.text)
        told.tool_calls = message.get("tool_calls") or []
        return told.node, [*told.begin(), *told.add(grown, ())]

    def of_complete(self, message: Data) -> tuple[str | None, list[Data]]:
        node = self._nodes.get(message.get("id") or "")
        return node, list(_whole(message, node))

    def finish_all(self) -> list[tuple[str | None, Data]]:
        """The ends of messages of which nobody said that they were whole."""
        return [(told.node, data) for told in [*self._open.values()] for data in self._finish(told)]

    def _told(self, message: Data, node: str | None) -> "_Told":
        message_id = message.get("id") or ""
        if message_id not in self._open:
            self._open[message_id] = _Told(message_id, node)
        return self._open[message_id]

    def _finish(self, told: "_Told") -> list[Data]:
        self._open.pop(told.message_id, None)
        return list(told.finish())


class _Told:
    """A message that is being told: its text is block 0, its tool calls are told at its end."""

    def __init__(self, message_id: str, node: str | None) -> None:
        self.message_id = message_id
        self.node = node
        self.text = ""
        self.tool_calls: list[Data] = []
        self._chunks: dict[Any, Data] = {}
        self._begun = False

    def begin(self) -> Iterator[Data]:
        if not self._begun:
            self._begun = True
            yield _start(self.message_id, "ai", self.node)
            yield self._about(0, "content-block-start", content={"type": "text", "text": ""})

    def add(self, text: str, tool_calls: Any) -> Iterator[Data]:
        for chunk in tool_calls:
            call = self._chunks.setdefault(chunk.get("index"), {"args": ""})
            call["args"] += chunk.get("args") or ""
            call.update({key: chunk[key] for key in ("id", "name") if chunk.get(key)})
        if text:
            self.text += text
            delta = {"type": "text-delta", "text": text}
            yield self._about(0, "content-block-delta", delta=delta)

    def finish(self) -> Iterator[Data]:
        text = {"type": "text", "text": self.text}
        yield self._about(0, "content-block-finish", content=text)
        calls = self.tool_calls or [_parsed(call) for call in self._chunks.values()]
        yield from _blocks(self.message_id, [_tool_call(call) for call in calls], first=1)
        yield {"event": "message-finish", "message_id": self.message_id}

    def _about(self, index: int, event: str, **more: Any) -> Data:
        return {"event": event, "index": index, "message_id": self.message_id, **more}


def _whole(message: Data, node: str | None) -> Iterator[Data]:
    message_id = message.get("id")
    content = message.get("content")
    blocks = content if isinstance(content, list) else [{"type": "text", "text": content or ""}]
    known = {block.get("id") for block in blocks if isinstance(block, dict)}
    calls = [call for call in message.get("tool_calls") or () if call.get("id") not in known]
    yield _start(message_id, str(message.get("type")), node)
    yield from _blocks(message_id, [*blocks, *map(_tool_call, calls)], first=0)
    yield {"event": "message-finish", "message_id": message_id}


def _blocks(message_id: str | None, blocks: list[Any], *, first: int) -> Iterator[Data]:
    for index, block in enumerate(blocks, first):
        known = {"index": index, "message_id": message_id, "content": block}
        yield {"event": "content-block-start", **known}
        yield {"event": "content-block-finish", **known}


def _start(message_id: str | None, role: str, node: str | None) -> Data:
    metadata = {"langgraph_node": node}
    return {"event": "message-start", "role": role, "id": message_id, "metadata": metadata}


def _text(message: Data) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content
    texts = (block.get("text") for block in content or () if isinstance(block, dict))
    return "".join(text for text in texts if isinstance(text, str))


def _tool_call(call: Data) -> Data:
    return {"type": "tool_call", **{key: call.get(key) for key in ("id", "name", "args")}}


def _parsed(call: Data) -> Data:
    try:
        return {**call, "args": orjson.loads(call["args"] or "{}")}
    except orjson.JSONDecodeError:
        return {**call, "args": {}}
