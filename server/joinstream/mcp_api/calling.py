"""`tools/call`: a run that is waited for."""

from typing import Any
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from joinstream.domain.assistants import Assistant
from joinstream.domain.ids import ThreadId
from joinstream.domain.run_record import Run
from joinstream.domain.run_request import RunRequest
from joinstream.encoding import dumps, loads
from joinstream.errors import RequestError, Unprocessable
from joinstream.http.foreground import wait_for_end
from joinstream.http.header_selection import for_graphs
from joinstream.http.json_rpc import MessageId, message_event, success
from joinstream.http.respond import json_response
from joinstream.http.retelling import retold
from joinstream.http.run_outcome import outcome_of
from joinstream.http.run_streams import run_path
from joinstream.http.services import services
from joinstream.mcp_api.telling import ProgressTeller
from joinstream.mcp_api.tool_schemas import SOLE_ARGUMENT, takes_object
from joinstream.mcp_api.tools import assistant_called, input_schema_of
from joinstream.mcp_api.versions import completed, knows_structure
from joinstream.mcp_api.wire import CallMeta, CallParams, TextContent, ToolResult
from joinstream.services.run_streams import RunStream

_EVENT_STREAM = "text/event-stream"


async def call_tool(
    request: Request, message_id: MessageId, params: CallParams, version: str
) -> Response:
    """Answer with what came of the run; as a stream, when progress is asked for and can be told.

    Raises Unprocessable for a tool that the caller does not have, and what waiting raises.
    """
    assistant = await assistant_called(request, params.name)
    token = params.meta.progress_token
    tells = token is not None and _EVENT_STREAM in request.headers.get("accept", "")
    try:
        stream = await _created(request, assistant, params, tells=tells)
    except RequestError as error:
        return json_response(success(message_id, completed(version, _failed(error.detail))))

    async def result() -> Any:
        said = await _result(request, stream.run, structured=knows_structure(version))
        return success(message_id, completed(version, said))

    if tells and token is not None:

        async def finish() -> bytes:
            return message_event(await result())

        return retold(request, stream, ProgressTeller(token), finish, cancel_on_disconnect=True)
    await wait_for_end(request, stream)
    return json_response(
        await result(), headers={"Content-Location": run_path(request, stream.run)}
    )


async def _created(
    request: Request, assistant: Assistant, params: CallParams, *, tells: bool
) -> RunStream:
    meta = params.meta
    asked = RunRequest(
        assistant=str(assistant.assistant_id),
        input=None if meta.resumes else await _input(request, assistant, params.arguments),
        command={"resume": meta.resume} if meta.resumes else None,
        stream_mode=("updates", "custom") if tells else ("values",),
        subgraphs=tells,
        if_not_exists="create",
    )
    new = await services(request).run_creation.prepare(_thread_of(meta), asked, for_graphs(request))
    return await services(request).run_streams.create(new, only_end=not tells)


async def _input(request: Request, assistant: Assistant, arguments: dict[str, Any]) -> Any:
    if takes_object(await input_schema_of(request, assistant)):
        return arguments
    if SOLE_ARGUMENT not in arguments:
        raise Unprocessable(f"arguments.{SOLE_ARGUMENT}: is required.")
    return arguments[SOLE_ARGUMENT]


def _thread_of(meta: CallMeta) -> ThreadId | None:
    if meta.thread_id is None:
        if meta.resumes:
            raise Unprocessable("_meta.resume: needs _meta.thread_id, the thread that waits.")
        return None
    try:
        return ThreadId(UUID(meta.thread_id))
    except ValueError:
        raise Unprocessable(f"_meta.thread_id: must be a UUID, got {meta.thread_id!r}.") from None


async def _result(request: Request, run: Run, *, structured: bool) -> ToolResult:
    outcome = await outcome_of(request, run)
    if outcome.failure is not None:
        return _about(run, _failed(outcome.failure))
    output = loads(dumps(outcome.output))
    questions = output.get("__interrupt__") if isinstance(output, dict) else None
    if questions:
        result = _asks(run, [each["value"] for each in questions])
    else:
        result = _said(dumps(output).decode())
    if structured and isinstance(output, dict):
        result["structuredContent"] = output
    return _about(run, result)


def _asks(run: Run, questions: list[Any]) -> ToolResult:
    asked = f"The graph stopped to ask: {dumps(questions).decode()}."
    if run.temporary:
        return _failed(
            f"{asked} Nobody can answer, because the call named no thread. To be able to, put a "
            "new UUID into _meta.thread_id when you call the tool."
        )
    answer = dumps({"thread_id": run.thread_id, "resume": "the answer"}).decode()
    return _said(f"{asked} To answer, call the tool again with _meta {answer}.")


def _about(run: Run, result: ToolResult) -> ToolResult:
    named = {"run_id": str(run.run_id)}
    if not run.temporary:
        named["thread_id"] = str(run.thread_id)
    return {**result, "_meta": named}


def _said(text: str) -> ToolResult:
    return ToolResult(content=[TextContent(type="text", text=text)], isError=False)


def _failed(why: str) -> ToolResult:
    return ToolResult(content=[TextContent(type="text", text=why)], isError=True)
