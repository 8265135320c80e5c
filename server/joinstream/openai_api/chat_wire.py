"""What stands on the wire of `/v1/chat/completions`, but for what its streams alone have."""

from dataclasses import dataclass

from joinstream.http.answer import (
    Answer,
    ToolCall,
    Usage,
)
from joinstream.openai_api.schemas import (
    ChatChoice,
    ChatCompletion,
    ChatMessageOut,
    ChatUsage,
    FunctionOut,
    ToolCallOut,
)


@dataclass(frozen=True, slots=True)
class Heading:
    """What every object of one answer says. `created` is in seconds, `model` as it was asked."""

    id: str
    created: int
    model: str


def completion(heading: Heading, answer: Answer) -> ChatCompletion:
    calls = [tool_call_out(call) for call in answer.open_calls]
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
        whole["usage"] = usage_out(answer.usage)
    return whole


def tool_call_out(call: ToolCall) -> ToolCallOut:
    return ToolCallOut(
        id=call.call_id,
        type="function",
        function=FunctionOut(name=call.name, arguments=call.arguments),
    )


def usage_out(usage: Usage) -> ChatUsage:
    return ChatUsage(
        prompt_tokens=usage.input,
        completion_tokens=usage.output,
        total_tokens=usage.total,
        prompt_tokens_details={"cached_tokens": usage.cached},
        completion_tokens_details={"reasoning_tokens": usage.reasoning},
    )
