"""The events of a streamed response.

`sequence_number` counts from the first event of the run, wherever a reader begins: the events are
made anew from the start of the run's log each time, and what a reader has already is left out. So
the numbers mean the same in every API process.

What cannot be told piece by piece, as pieces are missing or the run has begun again after something
was told of it, is told at the end: an item that was begun goes on, unless the output has none that
begins like it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from joinstream.domain.events import Frame, FrameKind
from joinstream.domain.run_record import Run
from joinstream.encoding import dumps
from joinstream.http.answer import ToolCall
from joinstream.http.deltas import (
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

    def continues_in(self, whole: Item) -> bool:
        """Whether the item begins like this one. Messages get other ids when a run begins again;
        of calls, the client needs the ids."""
        so_far = self.item("in_progress")
        same = so_far["type"] == whole["type"] == "message" or so_far["id"] == whole["id"]
        return same and _words(whole).startswith(_words(so_far))


_Key = tuple[str, int | None]
"""A message, or a call of it by its number."""


class ResponseStream:
    """`begin`, then `tell` for all that the run has produced, from its start, then `finish`.

    `after` is the last number that the reader has; None: none.
    """

    def __init__(self, run: Run, after: int | None) -> None:
        self._run = run
        self._after = -1 if after is None else after
        self._next = 0
        self._reader = DeltaReader()
        self._open: dict[_Key, _Open] = {}
        self._begun = False
        self._waits_for_end = False
        self.told: list[Item] = []
        """The items that are whole, in the order in which they began; those that are not have no
        id yet."""

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
        rest = b"".join(self._rest(response["output"]))
        kind = _ENDINGS.get(response["status"], _ENDED_EARLY)
        return rest + self._event(kind, response=response)

    def _rest(self, output: Sequence[Item]) -> Iterator[bytes]:
        """What of the output is not told yet."""
        told = {item["id"] for item in self.told}
        listed = {item["id"] for item in output}
        of_lost_attempts = [item for item in self.told if item["id"] not in listed]
        untold: list[Item] = []
        for item in output:
            if item["id"] in told:
                continue
            if (key := self._begun_as(item)) is not None:
                yield from self._go_on(key, item)
            elif twin := next((each for each in of_lost_attempts if _is_said_by(each, item)), None):
                of_lost_attempts.remove(twin)
            else:
                untold.append(item)
        for key in [*self._open]:
            yield from self._close(key, "incomplete")
        for item in untold:
            yield from self._whole(item)

    def _begun_as(self, item: Item) -> _Key | None:
        """What was told of the item so far; None when nothing was."""
        return next((key for key, begun in self._open.items() if begun.continues_in(item)), None)

    def _go_on(self, key: _Key, item: Item) -> Iterator[bytes]:
        opened = self._open[key]
        if rest := _words(item).removeprefix("".join(opened.said)):
            yield self._say(opened, rest)
        yield from self._close(key)

    def _of(self, frame: Frame) -> Iterator[bytes]:
        if frame.kind is FrameKind.METADATA:
            if not self._begun:
                self._begun = True
                yield self._event("response.in_progress", response=self._so_far("running"))
            elif self.told:  # the run has begun again
                self._waits_for_end = True
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
        yield self._say(self._open[key], text)

    def _call(self, delta: CallDelta) -> Iterator[bytes]:
        key = (delta.message_id, delta.number)
        if key not in self._open:
            if (delta.message_id, None) in self._open:
                yield from self._close((delta.message_id, None))
            call = (delta.call_id or f"{delta.message_id}-{delta.number}", delta.name or "")
            opened = self._open[key] = _Open(self._new_index(), delta.message_id, call)
            yield self._added(opened.index, opened.item("in_progress"))
        if delta.arguments:
            yield self._say(self._open[key], delta.arguments)

    def _say(self, opened: _Open, text: str) -> bytes:
        opened.said.append(text)
        if opened.call is None:
            more = {"content_index": 0, "delta": text, "logprobs": []}
            return self._about("response.output_text.delta", opened, **more)
        return self._about("response.function_call_arguments.delta", opened, delta=text)

    def _close(self, key: _Key, status: str = "completed") -> Iterator[bytes]:
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


def _words(item: Item) -> str:
    """What is told of an item piece by piece: its text, or the arguments of its call."""
    if item["type"] == "function_call":
        return str(item["arguments"])
    return "".join(part["text"] for part in item.get("content") or ())


def _is_said_by(told: Item, item: Item) -> bool:
    """Whether both are messages with the same text."""
    is_message = told.get("type") == item["type"] == "message"
    return is_message and _words(told) == _words(item)
