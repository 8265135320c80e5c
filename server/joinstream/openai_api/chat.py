"""`/v1/chat/completions`: a conversation in, its next message out; nothing is remembered."""

from starlette.requests import Request
from starlette.responses import Response

from joinstream.domain.ids import new_run_id
from joinstream.domain.run_record import Run
from joinstream.domain.run_request import RunRequest
from joinstream.http.answer import Answer, answer_of
from joinstream.http.foreground import wait_for_end
from joinstream.http.header_selection import for_graphs
from joinstream.http.idempotency import body_key
from joinstream.http.respond import json_response
from joinstream.http.retelling import retold
from joinstream.http.run_streams import run_path
from joinstream.http.services import services
from joinstream.openai_api.asking import (
    STREAM_MODES,
    as_graph_message,
    assistant_of,
    given_messages,
)
from joinstream.openai_api.chat_stream import ChatStream
from joinstream.openai_api.chat_wire import Heading, completion
from joinstream.openai_api.errors import ErrorObject, failed, run_error
from joinstream.openai_api.schemas import ChatRequest
from joinstream.services.run_streams import RunStream

_HOW_IT_IS_TOLD = {"stream", "stream_options"}


async def create_completion(request: Request, body: ChatRequest) -> Response:
    new = await services(request).run_creation.prepare(
        None, await _run_request(request, body), for_graphs(request)
    )
    key = body_key(request, body, but=_HOW_IT_IS_TOLD)
    stream = await services(request).run_streams.create(new, key, only_end=not body.stream)
    heading = _heading(stream.run, body.model)
    if body.stream:
        return _streamed(request, stream, heading, body, cancel_on_disconnect=key is None)
    await wait_for_end(request, stream, cancel_on_disconnect=key is None)
    answer = await answer_to(request, stream.run)
    if not isinstance(answer, Answer):
        return failed(request.scope, answer)
    return json_response(
        completion(heading, answer), headers={"Content-Location": run_path(request, stream.run)}
    )


async def answer_to(request: Request, run: Run) -> Answer | ErrorObject:
    """What came of a run that is over: its answer, or why there is none."""
    outcome = await services(request).run_streams.outcome(run)
    if outcome is None or outcome.status != "success":
        error = outcome.error if outcome else None
        status = outcome.status if outcome else "deleted"
        return run_error(error, f"The run ended without an answer: {status}.")
    return answer_of(run, outcome.output, is_own=outcome.is_own)


async def _run_request(request: Request, body: ChatRequest) -> RunRequest:
    await assistant_of(request, body.model)
    run_id = new_run_id()
    messages = [as_graph_message(message) for message in body.messages]
    return RunRequest(
        assistant=body.model,
        input={"messages": given_messages(run_id, messages)},
        metadata=body.metadata,
        stream_mode=STREAM_MODES,
        run_id=run_id,
    )


def _heading(run: Run, model: str) -> Heading:
    return Heading(f"chatcmpl-{run.run_id.hex}", int(run.created_at.timestamp()), model)


def _streamed(
    request: Request,
    stream: RunStream,
    heading: Heading,
    body: ChatRequest,
    *,
    cancel_on_disconnect: bool,
) -> Response:
    told = ChatStream(heading, include_usage=body.stream_options.include_usage)

    async def finish() -> bytes:
        answer = await answer_to(request, stream.run)
        return told.finish(answer) if isinstance(answer, Answer) else told.fail(answer)

    return retold(request, stream, told, finish, cancel_on_disconnect=cancel_on_disconnect)
