"""`invoke`: the graph's output, when it is there."""

from starlette.requests import Request
from starlette.responses import Response

from joinstream.domain.run_record import Run
from joinstream.http.errors import request_id_of
from joinstream.http.foreground import wait_for_end
from joinstream.http.respond import json_response
from joinstream.http.run_outcome import outcome_of
from joinstream.http.run_streams import run_path
from joinstream.http.services import services
from joinstream.langserve_api.asking import assistant_of, prepared
from joinstream.langserve_api.schemas import CallMetadata, CallRequest, InvokeOut
from joinstream.langserve_api.wire import RUN_FAILED


async def invoke(request: Request, body: CallRequest) -> Response:
    assistant = await assistant_of(request)
    new = await prepared(request, assistant, body.input, body.config, body.arguments)
    stream = await services(request).run_streams.create(new, only_end=True)
    await wait_for_end(request, stream)
    outcome = await outcome_of(request, stream.run)
    headers = {"Content-Location": run_path(request, stream.run)}
    if outcome.failure is not None:
        return failed(request, outcome.failure, headers)
    answer = InvokeOut(output=outcome.output, metadata=metadata_of(stream.run))
    return json_response(answer, headers=headers)


def metadata_of(run: Run) -> CallMetadata:
    return CallMetadata(run_id=str(run.run_id), feedback_tokens=[])


def failed(request: Request, failure: str, headers: dict[str, str]) -> Response:
    """The answer for a run that failed: what its graph said, as clients of a server know it."""
    headers = {**headers, "x-request-id": request_id_of(request.scope)}
    return json_response({"detail": failure}, RUN_FAILED, headers)
