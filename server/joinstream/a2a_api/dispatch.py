"""One request to an agent in, its answer out."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from joinstream.a2a_api.errors import TaskError
from joinstream.a2a_api.methods import METHODS, Call
from joinstream.a2a_api.versions import require_known_version
from joinstream.a2a_api.wire import AgentRequest
from joinstream.errors import BadRequest, Conflict, GraphUnusable, NotFound, Unprocessable
from joinstream.http.idempotency import key_in
from joinstream.http.json_rpc import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    MessageId,
    refusal,
    with_hint,
)
from joinstream.http.parse import json_body, validated
from joinstream.http.respond import json_response
from joinstream.http.services import services


async def answer(request: Request) -> Response:
    """Who may not ask, or should come back later, is told by the status, as on all routes, and so
    is who sends a wrong header; any other refusal is an answer of JSON-RPC."""
    key_in(request)
    try:
        given = await json_body(request)
    except Unprocessable as error:
        return _refused(None, PARSE_ERROR, error.detail)
    try:
        body = validated(given, AgentRequest)
    except Unprocessable as error:
        return _refused(_id_in(given), INVALID_REQUEST, with_hint(given, error.detail))
    try:
        return await _answer(request, body)
    except TaskError as error:
        return _refused(body.id, error.code, error.detail, error.details)
    except (BadRequest, Conflict, NotFound, Unprocessable) as error:
        return _refused(body.id, INVALID_PARAMS, error.detail)
    except GraphUnusable as error:
        return _refused(body.id, INTERNAL_ERROR, error.detail)


async def _answer(request: Request, body: AgentRequest) -> Response:
    require_known_version(request)
    method = METHODS.get(body.method)
    if method is None:
        there_are = ", ".join(METHODS)
        message = f"There is no method {body.method!r}; there are {there_are}."
        return _refused(body.id, METHOD_NOT_FOUND, message)
    assistant = await services(request).assistants.resolve(request.path_params["assistant_id"])
    return await method.answer(Call(request, assistant, body, method.version))


def _id_in(given: Any) -> MessageId | None:
    found = given.get("id") if isinstance(given, dict) else None
    return found if isinstance(found, str | int) and not isinstance(found, bool) else None


def _refused(message_id: MessageId | None, code: int, message: str, data: Any = None) -> Response:
    return json_response(refusal(message_id, code, message, data))
