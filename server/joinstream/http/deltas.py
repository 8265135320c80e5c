"""What a run's frames tell of its messages, piece by piece."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from joinstream.domain.events import Frame, FrameKind
from joinstream.encoding import loads
from joinstream.http.answer import call_id_of, calls_of, text_of
from joinstream.streams.codec import data_of


@dataclass(frozen=True, slots=True)
class TextDelta:
    """The message goes on."""

    message_id: str
    text: str


@dataclass(frozen=True, slots=True)
class CallDelta:
    """A tool call begins, or its arguments go on. `number` counts the calls of the run."""

    message_id: str
    number: int
    call_id: str | None
    name: str | None
    arguments: str


@dataclass(frozen=True, slots=True)
class ToolResult:
    """A tool of the graph has answered."""

    call_id: str
    text: str


@dataclass(frozen=True, slots=True)
class MessageEnd:
    """Nothing more comes of this message."""

    message_id: str


Delta = TextDelta | CallDelta | ToolResult | MessageEnd


class DeltaReader:
    """Reads the frames of one run, in their order.

    Only what the root graph says counts: its own models token by token, and the messages that its
    nodes return, whole. What models of subgraphs say comes when it is among those.
    """

    def __init__(self) -> None:
        self._calls: dict[tuple[str, Any], int] = {}

    def read(self, frame: Frame) -> Iterator[Delta]:
        """Nothing for a frame that is not about a message of the model."""
        if frame.kind is not FrameKind.EVENT or frame.mode != "messages" or frame.depth:
            return
        message = loads(data_of(frame.body))[0]
        kind = message.get("type")
        message_id = message.get("id") or ""
        if kind == "AIMessageChunk":
            yield from self._content(message_id, message)
            yield from self._chunks(message_id, message.get("tool_call_chunks") or ())
            if message.get("chunk_position") == "last":
                yield MessageEnd(message_id)
        elif kind == "ai":
            yield from self._content(message_id, message)
            yield from self._whole_calls(message, message_id)
            yield MessageEnd(message_id)
        elif kind == "tool":
            yield ToolResult(str(message.get("tool_call_id")), text_of(message))

    def _content(self, message_id: str, message: dict[str, Any]) -> Iterator[Delta]:
        if text := text_of(message):
            yield TextDelta(message_id, text)

    def _chunks(self, message_id: str, chunks: Any) -> Iterator[Delta]:
        for chunk in chunks:
            index = chunk.get("index")
            begins = (message_id, index) not in self._calls
            call_id = call_id_of(chunk, message_id, index) if begins else chunk.get("id") or None
            number = self._number(message_id, index)
            name, arguments = chunk.get("name") or None, chunk.get("args") or ""
            yield CallDelta(message_id, number, call_id, name, arguments)

    def _whole_calls(self, message: dict[str, Any], message_id: str) -> Iterator[Delta]:
        for index, call in enumerate(calls_of(message)):
            number = self._number(message_id, index)
            yield CallDelta(message_id, number, call.call_id, call.name, call.arguments)

    def _number(self, message_id: str, index: Any) -> int:
        return self._calls.setdefault((message_id, index), len(self._calls))
