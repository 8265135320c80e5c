"""The chunks of a streamed completion."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson

from joinstream.domain.events import Frame, FrameKind
from joinstream.encoding import dumps, loads
from joinstream.http.answer import BETWEEN_MESSAGES, Answer, FinishReason, ToolCall
from joinstream.http.deltas import CallDelta, Delta, DeltaReader, TextDelta
from joinstream.openai_api.chat_wire import Heading, tool_call_out, usage_out
from joinstream.openai_api.errors import ErrorObject, ErrorOut
from joinstream.openai_api.schemas import ChatChunk

DONE = b"data: [DONE]\n\n"
_STREAM_LOST = ErrorObject(
    message="Part of the answer was lost on its way, and what is left does not continue it.",
    type="server_error",
    param=None,
    code="stream_lost",
)


@dataclass(slots=True)
class _ToldCall:
    """A tool call as far as it was told."""

    call_id: str | None = None
    name: str | None = None
    arguments: str = ""

    def go_on(self, delta: CallDelta) -> None:
        self.call_id = self.call_id or delta.call_id
        self.name = self.name or delta.name
        self.arguments += delta.arguments

    def rest_in(self, call: ToolCall) -> str | None:
        """What of the call is still to be told; None when it is another one.

        When a run begins again its calls get other ids, and JSON may be spaced in another way.
        """
        if call.name != self.name:
            return None
        if call.arguments.startswith(self.arguments):
            return call.arguments[len(self.arguments) :]
        return "" if _means_the_same(self.arguments, call.arguments) else None


class ChatStream:
    """One streamed answer: `begin`, then `tell` for what comes of the run, then an end.

    What cannot be told piece by piece, as pieces are missing or the run has begun again, is told at
    the end, if it continues what was told.
    """

    def __init__(self, heading: Heading, *, include_usage: bool) -> None:
        self._heading = heading
        self._include_usage = include_usage
        self._reader = DeltaReader()
        self._told: list[str] = []
        self._told_calls: dict[int, _ToldCall] = {}
        self._last_message: str | None = None
        self._waits_for_end = False

    def begin(self) -> bytes:
        return self._chunk({"role": "assistant", "content": "", "refusal": None})

    def tell(self, frames: Iterable[Frame]) -> bytes:
        """The chunks for frames of the run; often none."""
        return b"".join([chunk for frame in frames for chunk in self._of(frame)])

    def miss(self) -> None:
        """Some events of the run are lost."""
        self._waits_for_end = True

    def finish(self, answer: Answer) -> bytes:
        """The run is over, and this is what it says."""
        rest = self._rest(answer)
        calls = self._rest_of_calls(answer)
        if rest is None or calls is None:
            return self.fail(_STREAM_LOST)
        chunks = [self._chunk({"content": rest})] if rest else []
        chunks += [self._chunk({"tool_calls": [call]}) for call in calls]
        chunks += [self._chunk({}, answer.finish_reason), self._usage_chunk(answer), DONE]
        return b"".join(chunks)

    def fail(self, error: ErrorObject) -> bytes:
        """The run gave no answer. Clients raise this as an error."""
        return _event(ErrorOut(error=error))

    def _rest(self, answer: Answer) -> str | None:
        """What is still to be told; None when it does not go on where the stream has stopped.

        Models whose words are no part of the state are heard too; that is as it is.
        """
        told = "".join(self._told)
        if answer.text.startswith(told):
            return answer.text[len(told) :]
        if self._waits_for_end:
            return None
        return "".join(BETWEEN_MESSAGES + question for question in answer.questions)

    def _rest_of_calls(self, answer: Answer) -> list[dict[str, Any]] | None:
        """The same for tool calls: arguments that go on, then the client's that are untold."""
        left, rests = answer.calls, list[dict[str, Any]]()
        for number, told in self._told_calls.items():
            found = [(call, rest) for call in left if (rest := told.rest_in(call)) is not None]
            if found:
                call, rest = found[0]
                left.remove(call)
                if rest:
                    rests.append({"index": number, "function": {"arguments": rest}})
            elif self._waits_for_end:
                return None
        known = {told.call_id for told in self._told_calls.values()}
        untold = [call for call in answer.open_calls if call in left and call.call_id not in known]
        wholes = enumerate(map(tool_call_out, untold), len(self._told_calls))
        return [*rests, *({"index": number, **call} for number, call in wholes)]

    def _of(self, frame: Frame) -> Iterable[bytes]:
        if frame.kind is FrameKind.METADATA and (self._told or self._told_calls):
            self._waits_for_end = True
        if self._waits_for_end:
            return []
        return [chunk for delta in self._reader.read(frame) if (chunk := self._of_delta(delta))]

    def _of_delta(self, delta: Delta) -> bytes:
        match delta:
            case TextDelta(message_id, text):
                if self._told and message_id != self._last_message:
                    text = BETWEEN_MESSAGES + text
                self._last_message = message_id
                self._told.append(text)
                return self._chunk({"content": text})
            case CallDelta():
                told = self._told_calls.setdefault(delta.number, _ToldCall())
                told.go_on(delta)
                return self._chunk({"tool_calls": [_call_delta(delta)]})
        return b""

    def _usage_chunk(self, answer: Answer) -> bytes:
        if not self._include_usage or answer.usage is None:
            return b""
        return _event({**self._object([]), "usage": usage_out(answer.usage)})

    def _chunk(self, delta: dict[str, Any], finish_reason: FinishReason | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        chunk = self._object([choice])
        if self._include_usage:
            chunk["usage"] = None
        return _event(chunk)

    def _object(self, choices: list[dict[str, Any]]) -> ChatChunk:
        return ChatChunk(
            id=self._heading.id,
            object="chat.completion.chunk",
            created=self._heading.created,
            model=self._heading.model,
            choices=choices,
        )


def _event(data: Any) -> bytes:
    return b"data: %b\n\n" % dumps(data)


def _call_delta(delta: CallDelta) -> dict[str, Any]:
    function: dict[str, Any] = {"arguments": delta.arguments}
    if delta.name is not None:
        function = {"name": delta.name, **function}
    beginning = {"id": delta.call_id, "type": "function"} if delta.call_id is not None else {}
    return {"index": delta.number, **beginning, "function": function}


def _means_the_same(told: str, whole: str) -> bool:
    try:
        return bool(loads(told) == loads(whole))
    except orjson.JSONDecodeError:
        return False
