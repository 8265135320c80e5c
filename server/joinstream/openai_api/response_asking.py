"""Requests for responses as runs: on which thread, from where, and what the graph is given."""

from dataclasses import dataclass, replace
from typing import Any

from starlette.requests import Request

from joinstream.domain.ids import RunId, ThreadId, new_run_id
from joinstream.domain.run_record import Run
from joinstream.domain.run_request import RunRequest
from joinstream.domain.runs import is_terminal
from joinstream.domain.threads import Thread
from joinstream.encoding import loads
from joinstream.errors import BadRequest, NotFound
from joinstream.http.services import services
from joinstream.openai_api.asking import STREAM_MODES, assistant_of, given_messages
from joinstream.openai_api.conversations import thread_of
from joinstream.openai_api.response_schemas import InputItem, ResponseRequest, id_in
from joinstream.openai_api.schemas import ContentPart
from joinstream.services.runs import RunPurpose
from joinstream.services.thread_states import HistoryQuery

RESPONSE = "resp_"
ABOUT = "openai"
"""Where a run's metadata has what its response says of the request."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A run to be created. `thread_id` None: on a thread of its own."""

    thread_id: ThreadId | None
    run: RunRequest


async def asked_run(request: Request, body: ResponseRequest) -> Asked:
    """Raises NotFound for what is not there, BadRequest for what contradicts itself."""
    await assistant_of(request, body.model)
    if body.background and not body.store:
        raise BadRequest("background: needs store, or nobody could find the response again.")
    if body.previous_response_id is not None and body.conversation is not None:
        raise BadRequest("conversation: send it, or previous_response_id, but not both.")
    if body.previous_response_id is not None:
        return await _continuing(request, body, body.previous_response_id)
    if body.conversation is not None:
        named = body.conversation
        thread = await thread_of(request, named if isinstance(named, str) else named.id)
        return Asked(thread.thread_id, _next_on(thread, body))
    return Asked(None, _run_request(body))


async def stored_run(
    request: Request, response_id: str, to: RunPurpose, field: str = "response_id"
) -> Run:
    """The run that is a response, for what the caller is going to do with it. Raises NotFound."""
    run_id = id_in(response_id, RESPONSE)
    if run_id is None:
        raise NotFound(f"{field}: there is no response {response_id!r}; ids look like resp_….")
    try:
        return await services(request).runs.get(None, RunId(run_id), to)
    except NotFound:
        raise NotFound(f"{field}: there is no response {response_id!r}.") from None


async def _continuing(request: Request, body: ResponseRequest, response_id: str) -> Asked:
    previous = await stored_run(request, response_id, "read", "previous_response_id")
    if previous.temporary:
        raise BadRequest(
            "previous_response_id: that response was not stored, so there is nothing to continue."
        )
    thread_id = previous.thread_id
    checkpoint_id = await _to_branch_from(request, previous)
    if checkpoint_id is None:
        thread = await services(request).threads.get(thread_id)
        return Asked(thread_id, _next_on(thread, body))
    branch = replace(_run_request(body), checkpoint={"checkpoint_id": checkpoint_id})
    return Asked(thread_id, branch)


async def _to_branch_from(request: Request, previous: Run) -> str | None:
    """The last checkpoint of a response that others have followed already; None of the newest."""
    asked = services(request)
    newest, _ = await asked.runs.search(
        previous.thread_id, status=None, limit=1, offset=0, exact=False
    )
    if [run.run_id for run in newest] == [previous.run_id] or not is_terminal(previous.status):
        return None
    wanted = HistoryQuery(limit=1, metadata={"run_id": str(previous.run_id)})
    history = await asked.thread_states.history(previous.thread_id, wanted)
    return history[0]["checkpoint_id"] if history else None


def _next_on(thread: Thread, body: ResponseRequest) -> RunRequest:
    """On a thread that waits for an answer, the input is the answer."""
    asked = _run_request(body)
    questions = [each["id"] for of_task in thread.interrupts.values() for each in of_task]
    if thread.status != "interrupted" or not questions:
        return asked
    if len(questions) > 1:
        raise BadRequest(
            f"conversation: it waits for {len(questions)} answers; give them by "
            f"POST /threads/{thread.thread_id}/runs, as command.resume."
        )
    resume: Any = {questions[0]: _text_in(body)}
    return replace(asked, input=None, command={"resume": resume})


def _run_request(body: ResponseRequest) -> RunRequest:
    run_id = new_run_id()
    about = {
        "model": body.model,
        "metadata": body.metadata,
        "instructions": body.instructions,
        "background": body.background,
        "previous_response_id": body.previous_response_id,
    }
    return RunRequest(
        assistant=body.model,
        input={"messages": given_messages(run_id, _messages(body))},
        metadata={**body.metadata, ABOUT: about},
        stream_mode=STREAM_MODES,
        resumable=body.background,
        on_completion="keep" if body.store else "delete",
        run_id=run_id,
    )


def _messages(body: ResponseRequest) -> list[dict[str, Any]]:
    """What a model has said and called at once is one message: models take nothing between a call
    and its result."""
    messages: list[dict[str, Any]] = []
    if body.instructions is not None:
        messages.append({"role": "system", "content": body.instructions})
    for item in body.input:
        match item.type:
            case "message":
                messages.append({"role": item.role, "content": _content(item.content)})
            case "function_call":
                if not messages or messages[-1]["role"] != "assistant":
                    messages.append({"role": "assistant", "content": ""})
                messages[-1].setdefault("tool_calls", []).append(_call(item))
            case "function_call_output":
                output = _content(item.output)
                call_id = item.call_id
                messages.append({"role": "tool", "content": output, "tool_call_id": call_id})
    return messages


def _call(item: InputItem) -> dict[str, Any]:
    arguments = loads(item.arguments or "{}")
    return {"name": item.name, "args": arguments, "id": item.call_id, "type": "tool_call"}


def _content(content: str | list[ContentPart] | None) -> Any:
    """Text and images in the form that LangChain knows; other parts as they are."""
    if not isinstance(content, list):
        return content or ""
    return [_part(part.model_dump()) for part in content]


def _part(part: dict[str, Any]) -> dict[str, Any]:
    match part:
        case {"type": "input_text" | "output_text", "text": text}:
            return {"type": "text", "text": text}
        case {"type": "input_image", "image_url": str(url)}:
            detail = {"detail": part["detail"]} if part.get("detail") else {}
            return {"type": "image_url", "image_url": {"url": url, **detail}}
    return part


def _text_in(body: ResponseRequest) -> str:
    """The text of the last thing that was said."""
    last = body.input[-1]
    content = last.output if last.type == "function_call_output" else last.content
    if isinstance(content, str):
        return content
    return "".join(str(part.model_dump().get("text", "")) for part in content or ())
