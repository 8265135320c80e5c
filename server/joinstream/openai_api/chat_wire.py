"""What stands on the wire of `/v1/chat/completions`: the whole answer, and the streamed one."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from joinstream.domain.events import Frame, FrameKind
from joinstream.encoding import dumps
from joinstream.openai_api.answer import (
    BETWEEN_MESSAGES,
    Answer,
    FinishReason,
    ToolCall,
    Usage,
)
from joinstream.openai_api.deltas import CallDelta, Delta, DeltaReader, TextDelta
from joinstream.openai_api.errors import ErrorObject, ErrorOut
from joinstream.openai_api.schemas import (
    ChatChoice,
    ChatChunk,
    ChatCompletion,
    ChatMessageOut,
    ChatUsage,
    FunctionOut,
    ToolCallOut,
)

DONE = b"data: [DONE]\n\n"
_STREAM_LOST = ErrorObject(
    message="Part of the answer was lost on its way, and what is left does not continue it.",
    type="server_error",
    param=None,
    code="stream_lost",
)


@dataclass(frozen=True, slots=True)
class Heading:
    """What every object of one answer says. `created` is in seconds, `model` as it was asked."""

    id: str
    created: int
    model: str


def completion(heading: Heading, answer: Answer) -> ChatCompletion:
    calls = [_tool_call(call) for call in answer.open_calls]
    content = None if calls and not answer.text else answer.text
    message = ChatMessageOut(role="assistant", content=content, refusal=None)
    if calls:
        message["tool_calls"] = calls
    choice = ChatChoice(index=0, message=message, logprobs=None, finish_reason=answer.finish_reason)
    whole = ChatCompletion(
        id=heading.id,
        object="chat.completion",
        created=heading.created,
        model=heading.model,
        choices=[choice],
    )
    if answer.usage is not None:
        whole["usage"] = _usage(answer.usage)
    return whole


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
        self._told_calls: list[str] = []
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
        if rest is None:
            return self.fail(_STREAM_LOST)
        chunks = [self._chunk({"content": rest})] if rest else []
        untold = [call for call in answer.open_calls if call.call_id not in self._told_calls]
        for number, call in enumerate(untold, len(self._told_calls)):
            chunks.append(self._chunk({"tool_calls": [{"index": number, **_tool_call(call)}]}))
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

    def _of(self, frame: Frame) -> Iterable[bytes]:
        if frame.kind is FrameKind.METADATA and self._told:
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
                if delta.call_id is not None:
                    self._told_calls.append(delta.call_id)
                return self._chunk({"tool_calls": [_call_delta(delta)]})
        return b""

    def _usage_chunk(self, answer: Answer) -> bytes:
        if not self._include_usage or answer.usage is None:
            return b""
        return _event({**self._object([]), "usage": _usage(answer.usage)})

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


def _tool_call(call: ToolCall) -> ToolCallOut:
    return ToolCallOut(
        id=call.call_id,
        type="function",
        function=FunctionOut(name=call.name, arguments=call.arguments),
    )


def _call_delta(delta: CallDelta) -> dict[str, Any]:
    function: dict[str, Any] = {"arguments": delta.arguments}
    if delta.name is not None:
        function = {"name": delta.name, **function}
    beginning = {"id": delta.call_id, "type": "function"} if delta.call_id is not None else {}
    return {"index": delta.number, **beginning, "function": function}


def _usage(usage: Usage) -> ChatUsage:
    return ChatUsage(
        prompt_tokens=usage.input,
        completion_tokens=usage.output,
        total_tokens=usage.total,
        prompt_tokens_details={"cached_tokens": usage.cached},
        completion_tokens_details={"reasoning_tokens": usage.reasoning},
    )
