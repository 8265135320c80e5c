"""What stands on the wire of `/v1/responses`, but for the events of its streams."""

from collections.abc import Iterator, Sequence
from typing import Any

from joinstream.domain.run_record import Run
from joinstream.http.answer import Answer, ToolCall, Usage, calls_of, kind_of, text_of
from joinstream.openai_api.conversations import conversation_id
from joinstream.openai_api.response_asking import ABOUT, RESPONSE
from joinstream.openai_api.response_schemas import (
    ConversationRef,
    ResponseError,
    ResponseOut,
    ResponseStatus,
    ResponseUsage,
)

Item = dict[str, Any]
"""An item of a response's output."""

_STATUS: dict[str, ResponseStatus] = {
    "pending": "queued",
    "running": "in_progress",
    "success": "completed",
    "interrupted": "cancelled",
}
_CUT_SHORT = {"length": "max_output_tokens", "content_filter": "content_filter"}


def response_id(run: Run) -> str:
    return f"{RESPONSE}{run.run_id.hex}"


def response_of(run: Run, status: str, output: Sequence[Item] = ()) -> ResponseOut:
    """The response while there is no answer, or when there will be none. `status` is the run's."""
    about = run.metadata.get(ABOUT) or {}
    conversation = None if run.temporary else ConversationRef(id=conversation_id(run.thread_id))
    return ResponseOut(
        id=response_id(run),
        object="response",
        created_at=int(run.created_at.timestamp()),
        status=_STATUS.get(status, "failed"),
        background=bool(about.get("background")),
        conversation=conversation,
        error=None,
        incomplete_details=None,
        instructions=about.get("instructions"),
        metadata=about.get("metadata") or {},
        model=about.get("model") or run.graph_id,
        output=list(output),
        parallel_tool_calls=True,
        previous_response_id=about.get("previous_response_id"),
        store=not run.temporary,
        temperature=None,
        tool_choice="auto",
        tools=[],
        top_p=None,
        usage=None,
    )


def answered(run: Run, answer: Answer) -> ResponseOut:
    """The response of a run that succeeded."""
    response = response_of(run, "success", list(items_of(run, answer)))
    reason = "interrupted" if answer.questions else _CUT_SHORT.get(answer.finish_reason)
    if reason is not None:
        response["status"] = "incomplete"
        response["incomplete_details"] = {"reason": reason}
    if answer.usage is not None:
        response["usage"] = _usage(answer.usage)
    return response


def failed_response(
    run: Run, status: str, error: dict[str, Any] | None, output: Sequence[Item] = ()
) -> ResponseOut:
    """The response of a run that did not succeed."""
    response = response_of(run, status, output)
    if response["status"] == "failed":
        message = f"The run ended without an answer: {status}."
        if error is not None:
            message = f"{error.get('error')}: {error.get('message')}"
        response["error"] = ResponseError(code="server_error", message=message)
    return response


def items_of(run: Run, answer: Answer) -> Iterator[Item]:
    """What the models said and called, what the tools answered, and what the graph asks."""
    for number, message in enumerate(answer.messages):
        message_id = str(message.get("id") or f"{run.run_id.hex}-{number}")
        kind = kind_of(message)
        if kind == "tool":
            yield result_item(str(message.get("tool_call_id")), text_of(message))
        elif kind == "ai":
            if text := text_of(message):
                yield message_item(message_id, text)
            yield from (call_item(call) for call in calls_of(message))
    for number, question in enumerate(answer.questions):
        yield message_item(f"question-{number}-{run.run_id.hex}", question)


def message_item(message_id: str, text: str | None, status: str = "completed") -> Item:
    """`text` None: nothing was said yet."""
    content = [] if text is None else [text_part(text)]
    item = {"id": f"msg_{message_id}", "type": "message", "status": status}
    return {**item, "role": "assistant", "content": content}


def text_part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def call_item(call: ToolCall, status: str = "completed") -> Item:
    return {
        "id": f"fc_{call.call_id}",
        "type": "function_call",
        "status": status,
        "call_id": call.call_id,
        "name": call.name,
        "arguments": call.arguments,
    }


def result_item(call_id: str, text: str) -> Item:
    item = {"id": f"fco_{call_id}", "type": "function_call_output", "status": "completed"}
    return {**item, "call_id": call_id, "output": text}


def _usage(usage: Usage) -> ResponseUsage:
    return ResponseUsage(
        input_tokens=usage.input,
        output_tokens=usage.output,
        total_tokens=usage.total,
        input_tokens_details={"cached_tokens": usage.cached},
        output_tokens_details={"reasoning_tokens": usage.reasoning},
    )
