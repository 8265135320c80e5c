"""One message in, its answer out."""

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from joinstream import __version__
from joinstream.errors import Forbidden, Unprocessable
from joinstream.http.json_rpc import (
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    MessageId,
    refusal,
    success,
    with_hint,
)
from joinstream.http.origins import is_allowed, origin_of, refusal_of
from joinstream.http.parse import json_body, validated
from joinstream.http.respond import json_response
from joinstream.mcp_api.calling import call_tool
from joinstream.mcp_api.tools import page_of_tools
from joinstream.mcp_api.versions import (
    KNOWN,
    STATELESS,
    WITH_HANDSHAKE,
    completed,
    disagreement,
    version_of,
)
from joinstream.mcp_api.wire import (
    UNSUPPORTED_VERSION,
    CallParams,
    InitializeParams,
    ListParams,
    Message,
)

_SERVER = {"name": "joinstream", "version": __version__}
_ABOUT = {
    "capabilities": {"tools": {"listChanged": False}},
    "instructions": "Each tool runs a graph until it is done, which may take long: ask for "
    "progress to see how far it is.",
}


async def answer(request: Request) -> Response:
    """Raises Forbidden for pages that may not ask, and what reading a body raises."""
    _require_allowed_origin(request)
    version = version_of(request)
    if version not in KNOWN:
        return _refused(None, UNSUPPORTED_VERSION, *_unsupported(version), status=400)
    try:
        given = await json_body(request)
    except Unprocessable as error:
        return _refused(None, PARSE_ERROR, error.detail, status=400)
    try:
        message = validated(given, Message)
    except Unprocessable as error:
        return _refused(None, INVALID_REQUEST, with_hint(given, error.detail), status=400)
    if message.method is None or message.id is None:
        return Response(status_code=202)
    if version == STATELESS:
        fault = disagreement(request, message.method, message.params)
        if fault is not None:
            return _refused(message.id, *fault, status=400)
    return await _answer(request, message.id, message.method, message.params, version)


async def _answer(
    request: Request, message_id: MessageId, method: str, params: dict[str, Any], version: str
) -> Response:
    methods = _STATELESS_METHODS if version == STATELESS else _METHODS
    try:
        if method == "tools/call":
            return await call_tool(request, message_id, validated(params, CallParams), version)
        if method in methods:
            result = await methods[method](request, params)
            result = completed(version, result, ttlMs=0, cacheScope="private")
            return json_response(success(message_id, result))
    except Unprocessable as error:
        status = 400 if version == STATELESS else 200
        return _refused(message_id, INVALID_PARAMS, error.detail, status=status)
    there_are = ", ".join((*methods, "tools/call"))
    message = f"There is no method {method!r}; there are {there_are}."
    status = 404 if version == STATELESS else 200
    return _refused(message_id, METHOD_NOT_FOUND, message, status=status)


async def _initialize(_: Request, params: dict[str, Any]) -> Any:
    asked = validated(params, InitializeParams).protocol_version
    return {
        "protocolVersion": asked if asked in WITH_HANDSHAKE else WITH_HANDSHAKE[-1],
        "serverInfo": _SERVER,
        **_ABOUT,
    }


async def _discover(_: Request, __: dict[str, Any]) -> Any:
    server = {"io.modelcontextprotocol/serverInfo": _SERVER}
    return {"supportedVersions": KNOWN, "_meta": server, **_ABOUT}


async def _ping(_: Request, __: dict[str, Any]) -> Any:
    return {}


async def _list_tools(request: Request, params: dict[str, Any]) -> Any:
    return await page_of_tools(request, validated(params, ListParams).cursor)


_Methods = dict[str, Callable[[Request, dict[str, Any]], Awaitable[Any]]]
_METHODS: _Methods = {"initialize": _initialize, "ping": _ping, "tools/list": _list_tools}
_STATELESS_METHODS: _Methods = {"server/discover": _discover, "tools/list": _list_tools}


def _require_allowed_origin(request: Request) -> None:
    """Also of pages that seem to be of this very host: its name may be one that they have made up
    for it."""
    origin = origin_of(request)
    if origin is not None and not is_allowed(request, origin):
        raise Forbidden(refusal_of(origin))


def _unsupported(version: str) -> tuple[str, Any]:
    known = ", ".join(KNOWN)
    said = f"MCP-Protocol-Version: {version!r} is not spoken here; these are: {known}."
    return said, {"supported": KNOWN, "requested": version}


def _refused(
    message_id: MessageId | None, code: int, message: str, data: Any = None, *, status: int = 200
) -> Response:
    return json_response(refusal(message_id, code, message, data), status)
