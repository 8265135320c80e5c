"""The answers to requests that are not carried out, as /openapi.json describes them."""

from collections.abc import Iterable, Iterator
from typing import Any

from joinstream.errors import (
    BadRequest,
    Conflict,
    Forbidden,
    GraphUnusable,
    NotFound,
    PayloadTooLarge,
    RequestError,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    Unprocessable,
)
from joinstream.http.headers import REQUEST_ID, RETRY_AFTER, WWW_AUTHENTICATE, Header
from joinstream.http.routing import Operation

_REFUSALS: tuple[type[RequestError], ...] = (
    BadRequest,
    Unauthorized,
    Forbidden,
    NotFound,
    Conflict,
    PayloadTooLarge,
    Unprocessable,
    GraphUnusable,
    TooManyRequests,
    Unavailable,
)
_HEADERS: dict[type[RequestError], Header] = {
    Unauthorized: WWW_AUTHENTICATE,
    TooManyRequests: RETRY_AFTER,
    Unavailable: RETRY_AFTER,
}
_OUR_FAULT = "InternalError"

ERROR_SCHEMA = {
    "type": "object",
    "properties": {"detail": {"type": "string"}},
    "required": ["detail"],
}


def refusals_of(operation: Operation, *, has_path_parameters: bool, body: Any) -> dict[str, Any]:
    """Responses by status: those the route names, and those that follow from what it takes.

    `body` is the schema of their bodies, None for the usual one.
    """
    kinds = set(_implied_by(operation, has_path_parameters)) | set(operation.raises)
    chosen = [kind for kind in _REFUSALS if kind in kinds]
    if body is None:
        named = {str(kind.status): _reference(kind.__name__) for kind in chosen}
        return {**named, "500": _reference(_OUR_FAULT)}
    content = {"application/json": {"schema": body}}
    own = {str(kind.status): {**_response(kind), "content": content} for kind in chosen}
    return {**own, "500": {**_FAULT, "content": content}}


def _implied_by(operation: Operation, has_path_parameters: bool) -> Iterator[type[RequestError]]:
    if not operation.public:
        yield from (Unauthorized, Forbidden, Unavailable)
    if has_path_parameters:
        yield from (NotFound, Unprocessable)
    if operation.query is not None or operation.takes:
        yield Unprocessable
    if operation.body is not None:
        yield from (PayloadTooLarge, Unprocessable)


def refusal_components() -> dict[str, Any]:
    """What the references of `refusals_of` lead to."""
    components = {kind.__name__: _response(kind) for kind in _REFUSALS}
    components[_OUR_FAULT] = _FAULT
    return components


def _response(kind: type[RequestError]) -> dict[str, Any]:
    response = {"description": (kind.__doc__ or "").splitlines()[0], "content": _CONTENT}
    if kind in _HEADERS:
        response["headers"] = described_headers([_HEADERS[kind]])
    return response


def described_headers(headers: Iterable[Header]) -> dict[str, Any]:
    return {
        header.name: {
            "description": header.description,
            "required": header.always,
            "schema": header.schema,
        }
        for header in headers
    }


def _reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/responses/{name}"}


_CONTENT = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
_FAULT = {
    "description": "A fault of the server.",
    "headers": described_headers([REQUEST_ID]),
    "content": _CONTENT,
}
