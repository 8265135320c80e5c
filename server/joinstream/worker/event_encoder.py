"""Encodes what a graph produces into the events of the API: their names, and their JSON.

Names follow the official server: `<mode>`, or `<mode>|<segment>|<segment>` for events of subgraphs;
`messages/metadata`, `messages/partial` and `messages/complete` for the accumulating message mode,
which is never namespaced, and `messages` for the tuple form, which wins when both are asked for.
"""

from collections.abc import Callable, Iterable
from typing import Any

import orjson
from langchain_core.messages import BaseMessage, BaseMessageChunk, message_chunk_to_message

from joinstream.domain.events import FrameKind
from joinstream.domain.stream_modes import StreamMode
from joinstream.encoding import dumps
from joinstream.event_streaming.unfinished import UnfinishedMessages
from joinstream.ports.runs import Ending
from joinstream.worker.graph_stream import GraphEvent, stream_graph

Emit = Callable[[FrameKind, str, str, int, bytes], None]
"""emit(kind, event name, base mode, namespace depth, JSON)"""


class EventEncoder:
    """Encodes the events of one run's attempt and remembers its output.

    `output` is the JSON of the last root `values`, with every interrupt raised under
    `__interrupt__`; None until there is one. `begin`, `end` and `hand_back` have nothing to say:
    METADATA, ERROR and END are all there is to tell.
    """

    source = staticmethod(stream_graph)

    def __init__(self, modes: Iterable[StreamMode], emit: Emit) -> None:
        self._modes = frozenset(modes)
        self._emit = emit
        self._tuples = "messages-tuple" in self._modes
        self._sends_messages = bool(self._modes & {"messages", "messages-tuple"})
        self._partial: dict[str, BaseMessage] = {}
        self._metadata: tuple[dict[str, Any], orjson.Fragment] | None = None
        self._values: Any = None
        self._interrupts: list[Any] = []
        self._has_values = False

    def begin(self, left_behind: UnfinishedMessages) -> None: ...

    def end(self, outcome: Ending) -> None: ...

    def hand_back(self) -> None: ...

    def encode(self, event: GraphEvent) -> None:
        namespace, mode, data = event
        if mode == "values" and not namespace:
            self._remember(data)
        if mode == "messages":
            if self._sends_messages:
                self._encode_message(namespace, *data)
        elif mode in self._modes:
            self._send(mode, namespace, dumps(_debug(data) if mode == "debug" else data))

    @property
    def output(self) -> Any:
        if not self._has_values:
            return None
        if self._interrupts and isinstance(self._values, dict):
            return {**self._values, "__interrupt__": self._interrupts}
        return self._values

    def _remember(self, values: Any) -> None:
        if isinstance(values, dict) and "__interrupt__" in values:
            self._interrupts.extend(values["__interrupt__"])
        self._values, self._has_values = values, True

    def _send(self, mode: str, namespace: tuple[str, ...], data: bytes) -> None:
        name = "|".join((mode, *namespace)) if namespace else mode
        self._emit(FrameKind.EVENT, name, mode, len(namespace), data)

    def _encode_message(
        self, namespace: tuple[str, ...], message: BaseMessage, metadata: dict[str, Any]
    ) -> None:
        if self._tuples:
            self._send("messages", namespace, dumps((message, self._metadata_json(metadata))))
            return
        message_id = message.id or ""
        if message_id not in self._partial:
            announcement = dumps({message_id: {"metadata": metadata}})
            self._emit(FrameKind.EVENT, "messages/metadata", "messages/metadata", 0, announcement)
        if isinstance(message, BaseMessageChunk):
            self._emit_partial(message_id, message)
        else:
            self._partial[message_id] = message
            self._emit(
                FrameKind.EVENT, "messages/complete", "messages/complete", 0, dumps([message])
            )

    def _emit_partial(self, message_id: str, chunk: BaseMessageChunk) -> None:
        before = self._partial.get(message_id)
        whole = before + chunk if isinstance(before, BaseMessageChunk) else chunk
        self._partial[message_id] = whole
        data = dumps([message_chunk_to_message(whole)])
        self._emit(FrameKind.EVENT, "messages/partial", "messages/partial", 0, data)

    def _metadata_json(self, metadata: dict[str, Any]) -> orjson.Fragment:
        """A model call hands over the same metadata object with each token: encode it once."""
        if self._metadata is None or self._metadata[0] is not metadata:
            self._metadata = (metadata, orjson.Fragment(dumps(metadata)))
        return self._metadata[1]


def _debug(event: dict[str, Any]) -> dict[str, Any]:
    """A debug event; a checkpoint's says which one it is, and its parent, as clients send them."""
    if event["type"] != "checkpoint":
        return event
    payload = event["payload"]
    ids = {
        "checkpoint": _checkpoint(payload["config"]),
        "parent_checkpoint": _checkpoint(payload["parent_config"]),
    }
    return {**event, "payload": {**payload, **ids}}


def _checkpoint(config: dict[str, Any] | None) -> dict[str, Any] | None:
    if config is None:
        return None
    configurable = config["configurable"]
    return {key: configurable.get(key) for key in ("thread_id", "checkpoint_ns", "checkpoint_id")}
