"""The events of a streamed response.

`sequence_number` counts from the first event of the run, wherever a reader begins: the events are
made anew from the start of the run's log each time, and what a reader has already is left out. So
the numbers mean the same in every API process.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from joinstream.domain.events import Frame, FrameKind
from joinstream.domain.run_record import Run
from joinstream.encoding import dumps
from joinstream.openai_api.answer import ToolCall
from joinstream.openai_api.deltas import (
    CallDelta,
    Delta,
    DeltaReader,
    MessageEnd,
    TextDelta,
    ToolResult,
)
from joinstream.openai_api.response_schemas import ResponseOut
from joinstream.openai_api.response_wire import (
    Item,
    call_item,
    message_item,
    response_of,
    result_item,
    text_part,
)
from joinstream.streams.codec import sse_bytes

_ENDINGS = {"completed": "response.completed", "failed": "response.failed"}
_ENDED_EARLY = "response.incomplete"


@dataclass(slots=True)
class _Open:
    """An item that is being told. `call` is None when it is a message."""

    index: int
    message_id: str
    call: tuple[str, str] | None
    said: list[str] = field(default_factory=list)

    def item(self, status: str) -> Item:
        if self.call is None:
            return message_item(self.message_id, "".join(self.said), status)
        call_id, name = self.call
        return call_item(ToolCall(call_id, name, "".join(self.said)), status)


class ResponseStream:
    """`begin`, then `tell` for all that the run has produced, from its start, then `finish`.

    `after` is the last number that the reader has; None: none.
    """

    def __init__(self, run: Run, after: int | None) -> None:
        self._run = run
        self._after = -1 if after is None else after
        self._next = 0
        self._reader = DeltaReader()
        self._open: dict[tuple[str, int | None], _Open] = {}
        self._begun = False
        self._waits_for_end = False
        self.told: list[Item] = []
        """The items that are whole, in the order in which they began."""

    def begin(self) -> bytes:
        return self._event("response.created", response=self._so_far("pending"))

    def tell(self, frames: Iterable[Frame]) -> bytes:
        """The events for frames of the run; often none."""
        return b"".join([event for frame in frames for event in self._of(frame)])

    def miss(self) -> None:
        """Some events of the run are lost. What they told comes when the run is over."""
        self._waits_for_end = True
        self._next = max(self._next, self._after + 1)

    def finish(self, response: ResponseOut) -> bytes:
        """The run is over, and this is the whole response."""
        if not self._begun:
            self.miss()
        events = [event for key in [*self._open] for event in self._close(key, "incomplete")]
        known = {item["id"] for item in self.told if item["status"] == "completed"}
        for item in response["output"]:
            if item["id"] not in known:
                events += self._whole(item)
        kind = _ENDINGS.get(response["status"], _ENDED_EARLY)
        return b"".join([*events, self._event(kind, response=response)])

    def _of(self, frame: Frame) -> Iterator[bytes]:
        if frame.kind is FrameKind.METADATA:
            if not self._begun:
                self._begun = True
                yield self._event("response.in_progress", response=self._so_far("running"))
            for key in [*self._open]:  # a worker died while it told them
                yield from self._close(key, "incomplete")
        elif not self._waits_for_end:
            for delta in self._reader.read(frame):
                yield from self._of_delta(delta)

    def _of_delta(self, delta: Delta) -> Iterator[bytes]:
        match delta:
            case TextDelta(message_id, text):
                yield from self._text(message_id, text)
            case CallDelta():
                yield from self._call(delta)
            case ToolResult(call_id, text):
                yield from self._whole(result_item(call_id, text))
            case MessageEnd(message_id):
                for key in [key for key in self._open if key[0] == message_id]:
                    yield from self._close(key)

    def _text(self, message_id: str, text: str) -> Iterator[bytes]:
        key = (message_id, None)
        if key not in self._open:
            opened = self._open[key] = _Open(self._new_index(), message_id, None)
            yield self._added(opened.index, message_item(message_id, None, "in_progress"))
            part = {"content_index": 0, "part": text_part("")}
            yield self._about("response.content_part.added", opened, **part)
        opened = self._open[key]
        opened.said.append(text)
        yield self._about(
            "response.output_text.delta", opened, content_index=0, delta=text, logprobs=[]
        )

    def _call(self, delta: CallDelta) -> Iterator[bytes]:
        key = (delta.message_id, delta.number)
        if key not in self._open:
            if (delta.message_id, None) in self._open:
                yield from self._close((delta.message_id, None))
            call = (delta.call_id or f"{delta.message_id}-{delta.number}", delta.name or "")
            opened = self._open[key] = _Open(self._new_index(), delta.message_id, call)
            yield self._added(opened.index, opened.item("in_progress"))
        opened = self._open[key]
        if delta.arguments:
            opened.said.append(delta.arguments)
            yield self._about(
                "response.function_call_arguments.delta", opened, delta=delta.arguments
            )

    def _close(self, key: tuple[str, int | None], status: str = "completed") -> Iterator[bytes]:
        opened = self._open.pop(key)
        item = opened.item(status)
        yield from self._done(opened, item)
        yield self._item_done(opened.index, item)

    def _done(self, opened: _Open, item: Item) -> Iterator[bytes]:
        if opened.call is None:
            text = "".join(opened.said)
            done = {"content_index": 0, "text": text, "logprobs": []}
            yield self._about("response.output_text.done", opened, **done)
            part = {"content_index": 0, "part": text_part(text)}
            yield self._about("response.content_part.done", opened, **part)
        else:
            done = {"name": item["name"], "arguments": item["arguments"]}
            yield self._about("response.function_call_arguments.done", opened, **done)

    def _whole(self, item: Item) -> Iterator[bytes]:
        """An item that was not told piece by piece."""
        match item:
            case {"type": "message", "id": id, "content": [{"text": text}]}:
                message_id = id.removeprefix("msg_")
                yield from self._text(message_id, text)
                yield from self._close((message_id, None))
            case {"type": "function_call"}:
                call = CallDelta("", 0, item["call_id"], item["name"], item["arguments"])
                yield from self._call(call)
                yield from self._close(("", 0))
            case _:
                index = self._new_index()
                yield self._added(index, item)
                yield self._item_done(index, item)

    def _new_index(self) -> int:
        self.told.append({"id": None, "status": "in_progress"})
        return len(self.told) - 1

    def _added(self, index: int, item: Item) -> bytes:
        return self._event("response.output_item.added", output_index=index, item=item)

    def _item_done(self, index: int, item: Item) -> bytes:
        self.told[index] = item
        return self._event("response.output_item.done", output_index=index, item=item)

    def _about(self, kind: str, opened: _Open, **more: Any) -> bytes:
        item_id = opened.item("")["id"]
        return self._event(kind, item_id=item_id, output_index=opened.index, **more)

    def _so_far(self, status: str) -> ResponseOut:
        return response_of(self._run, status)

    def _event(self, kind: str, **more: Any) -> bytes:
        number, self._next = self._next, self._next + 1
        if number <= self._after:
            return b""
        return sse_bytes(kind, dumps({"type": kind, "sequence_number": number, **more}), None)
