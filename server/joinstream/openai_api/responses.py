"""`/v1/responses`: answers that can be continued, left alone, come back to and cancelled."""

from starlette.requests import Request
from starlette.responses import Response

from joinstream.domain.run_record import Run
from joinstream.domain.runs import is_terminal
from joinstream.errors import NotFound
from joinstream.http.answer import answer_of
from joinstream.http.foreground import wait_for_end
from joinstream.http.header_selection import for_graphs
from joinstream.http.idempotency import body_key
from joinstream.http.respond import json_response
from joinstream.http.retelling import retold
from joinstream.http.run_streams import run_path
from joinstream.http.services import services
from joinstream.openai_api.response_asking import asked_run, stored_run
from joinstream.openai_api.response_events import ResponseStream
from joinstream.openai_api.response_schemas import (
    ResponseDeleted,
    ResponseOut,
    ResponseRequest,
    RetrieveQuery,
)
from joinstream.openai_api.response_wire import answered, failed_response, response_id, response_of
from joinstream.services.run_streams import RunStream
from joinstream.services.runs import RunPurpose


async def create_response(request: Request, body: ResponseRequest) -> Response:
    asked = await asked_run(request, body)
    creation = services(request).run_creation
    new = await creation.prepare(asked.thread_id, asked.run, for_graphs(request))
    key = body_key(request, body, but={"stream"})
    if body.background and not body.stream:
        run, repeated = await creation.create(new, key)
        now = await _response_now(request, run) if repeated else response_of(run, run.status)
        return _shown(request, run, now)
    stream = await services(request).run_streams.create(new, key, only_end=not body.stream)
    leaves_for_good = key is None and not body.background
    if body.stream:
        return _streamed(request, stream, None, cancel_on_disconnect=leaves_for_good)
    return await _ended(request, stream, cancel_on_disconnect=leaves_for_good)


async def get_response(request: Request, query: RetrieveQuery) -> Response:
    run = await _requested(request)
    if query.stream:
        stream = await services(request).run_streams.join(run, "start")
        return _streamed(request, stream, query.starting_after, cancel_on_disconnect=False)
    return _shown(request, run, await _response_now(request, run))


async def cancel_response(request: Request) -> Response:
    """One that is over stays as it is."""
    run = await _requested(request, "update")
    try:
        reason = "cancelled by request"
        stream = await services(request).run_streams.cancel(run, "interrupt", reason)
    except NotFound:
        return _shown(request, run, await _response_now(request, run))
    return await _ended(request, stream)


async def delete_response(request: Request) -> Response:
    run = await _requested(request, "delete")
    await services(request).runs.delete(run)
    return json_response(ResponseDeleted(id=response_id(run), object="response", deleted=True))


async def _requested(request: Request, to: RunPurpose = "read") -> Run:
    return await stored_run(request, request.path_params["response_id"], to)


async def _ended(
    request: Request, stream: RunStream, *, cancel_on_disconnect: bool = True
) -> Response:
    await wait_for_end(request, stream, cancel_on_disconnect=cancel_on_disconnect)
    return _shown(request, stream.run, await _response_now(request, stream.run))


def _shown(request: Request, run: Run, response: ResponseOut) -> Response:
    return json_response(response, headers={"Content-Location": run_path(request, run)})


async def _response_now(request: Request, run: Run) -> ResponseOut:
    """Raises NotFound when the run was rolled back or deleted meanwhile."""
    outcome = await services(request).run_streams.outcome(run)
    if outcome is None:
        raise NotFound(f"response_id: there is no response {response_id(run)!r} any more.")
    if outcome.status == "success":
        return answered(run, answer_of(run, outcome.output, is_own=outcome.is_own))
    if is_terminal(outcome.status):
        return failed_response(run, outcome.status, outcome.error)
    return response_of(run, outcome.status)


def _streamed(
    request: Request, stream: RunStream, after: int | None, *, cancel_on_disconnect: bool
) -> Response:
    told = ResponseStream(stream.run, after)

    async def finish() -> bytes:
        return told.finish(await _final(request, stream.run, told))

    return retold(request, stream, told, finish, cancel_on_disconnect=cancel_on_disconnect)


async def _final(request: Request, run: Run, told: ResponseStream) -> ResponseOut:
    try:
        response = await _response_now(request, run)
    except NotFound:
        return failed_response(run, "rollback", None)
    if response["status"] in ("failed", "cancelled"):
        response["output"] = [item for item in told.told if item["id"] is not None]
    return response
