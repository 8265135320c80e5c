"""The API's errors in OpenAI's shape, on the routes where its clients expect that."""

import re
from collections.abc import Sequence
from typing import Any

import orjson
from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from typing_extensions import TypedDict

from joinstream.encoding import dumps, loads
from joinstream.http.errors import request_id_of
from joinstream.http.respond import json_response

_ROOT = "/v1/"
"""In the paths of all of them, so that other requests cost nothing."""
_PARAM = re.compile(r"^([a-z_]\w*(?:\.\w+|\[\d+\])*): ")
_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    429: "rate_limit_error",
}
_CODES = {401: "invalid_api_key", 429: "rate_limit_exceeded"}


class ErrorObject(TypedDict):
    """What went wrong. `param` is the field that is at fault, where one is."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorOut(TypedDict):
    """How every request of these routes is refused."""

    error: ErrorObject


def error_object(status: int, detail: str) -> ErrorObject:
    """Our errors begin with the name of the field that they are about."""
    found = _PARAM.match(detail)
    param = found[1] if found else None
    code = "model_not_found" if status == 404 and param == "model" else _CODES.get(status)
    usual = "server_error" if status >= 500 else "invalid_request_error"
    return ErrorObject(message=detail, type=_TYPES.get(status, usual), param=param, code=code)


def run_error(error: dict[str, Any] | None, otherwise: str) -> ErrorObject:
    """Why a run gave no answer: its graph's error, or what else ended it."""
    if error is None:
        return ErrorObject(message=otherwise, type="server_error", param=None, code="run_failed")
    message = str(error.get("message") or error.get("error"))
    return ErrorObject(
        message=message, type="server_error", param=None, code=str(error.get("error"))
    )


def failed(scope: Scope, error: ErrorObject) -> Response:
    """The answer for a run that failed. Clients are told not to send it again by themselves: it
    would be another run."""
    headers = {"x-request-id": request_id_of(scope), "x-should-retry": "false"}
    return json_response(ErrorOut(error=error), 500, headers)


class OpenAiErrors:
    """Middleware: refusals on these routes, which lie under `prefix`, in OpenAI's shape.

    `alone`: nothing else lies under `/v1`, so that its clients also get to know in their way what
    there is not.
    """

    def __init__(
        self, app: ASGIApp, routes: Sequence[BaseRoute], prefix: str, *, alone: bool
    ) -> None:
        self._app = app
        self._routes = routes
        self._prefix = prefix
        self._alone = alone and bool(routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self._is_ours(scope):
            send = _Translation(send)
        await self._app(scope, receive, send)

    def _is_ours(self, scope: Scope) -> bool:
        if _ROOT not in scope["path"]:
            return False
        if self._alone and scope["path"].startswith(self._prefix + _ROOT):
            return True
        inside = {**scope, "root_path": scope.get("root_path", "") + self._prefix}
        return any(route.matches(inside)[0] is not Match.NONE for route in self._routes)


class _Translation:
    """Sends a response on; one that is an error is held back until it is whole."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] >= 400:
            self._start = message
        elif self._start is None:
            await self._send(message)
        elif message["type"] == "http.response.body":
            self._body += message.get("body", b"")
            if not message.get("more_body"):
                await self._send_translated(self._start)

    async def _send_translated(self, start: Message) -> None:
        body = _translated(start["status"], self._body)
        headers = MutableHeaders(raw=list(start["headers"]))
        headers["content-length"] = str(len(body))
        await self._send({**start, "headers": headers.raw})
        await self._send({"type": "http.response.body", "body": body})


def _translated(status: int, body: bytes) -> bytes:
    """What is no error of ours stays as it is."""
    try:
        said = loads(body)
    except orjson.JSONDecodeError:
        return body
    if not isinstance(said, dict) or "detail" not in said:
        return body
    detail = said["detail"] if isinstance(said["detail"], str) else dumps(said["detail"]).decode()
    return dumps(ErrorOut(error=error_object(status, detail)))
