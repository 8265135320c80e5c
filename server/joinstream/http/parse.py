"""Reads paths, queries and bodies, and says exactly what is wrong with them.

`Content-Type` is not looked at: whatever the client calls it, the body is JSON. A body is parsed on
the event loop, because orjson holds the interpreter lock: a thread would make the loop wait alike.
"""

from typing import Any, TypeVar
from uuid import UUID

import orjson
from pydantic import BaseModel, ValidationError
from starlette.requests import HTTPConnection, Request

from joinstream.encoding import loads, replace_nul
from joinstream.errors import PayloadTooLarge, Unprocessable
from joinstream.http.schemas.base import Query
from joinstream.http.validation import explain

MOST_LEVELS = 200
_LEVELS_AROUND = 254 - MOST_LEVELS
"""orjson reads 1024 levels and writes 254; what is sent comes back inside of other objects."""

Model = TypeVar("Model", bound=BaseModel)
Asked = TypeVar("Asked", bound=Query)


async def body_as(request: Request, model: type[Model]) -> Model:
    """Parse the JSON body into `model`.

    Raises Unprocessable for text that is no JSON or does not fit the model, PayloadTooLarge for a
    body over the limit.
    """
    return validated(await json_body(request), model)


def validated(value: Any, model: type[Model]) -> Model:
    """Fit parsed JSON to `model`. Raises Unprocessable with one line for each field at fault."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise Unprocessable(explain(error, value)) from None


async def json_body(request: Request) -> Any:
    """The body as Python values, with U+0000, which Postgres cannot hold, replaced by U+FFFD.

    Raises Unprocessable and PayloadTooLarge as `body_as` does.
    """
    return parsed(await read_body(request), "The request body")


def parsed(raw: bytes, what: str) -> Any:
    """JSON as Python values, U+0000 replaced. Raises Unprocessable, in which `what` names it."""
    if not raw.strip():
        raise Unprocessable(f"{what} is empty: send JSON.")
    if b"\\u0000" in raw:
        raw = replace_nul(raw.decode("utf-8", "replace")).encode()
    try:
        value = loads(raw)
    except orjson.JSONDecodeError as error:
        raise Unprocessable(
            f"{what} is not valid JSON: {error.msg} at line {error.lineno} column {error.colno}."
        ) from None
    if len(raw) > MOST_LEVELS and not _is_writable(value):
        raise Unprocessable(f"{what} is nested more than {MOST_LEVELS} levels deep.")
    return value


def _is_writable(value: Any) -> bool:
    """Not so when it is nested so deeply that it could be read, but neither stored nor answered."""
    wrapped = value
    for _ in range(_LEVELS_AROUND):
        wrapped = [wrapped]
    try:
        orjson.dumps(wrapped)
    except orjson.JSONEncodeError:
        return False
    return True


async def read_body(request: Request) -> bytes:
    """Read the whole body, at most `http_max_request_body_bytes`, else raise PayloadTooLarge."""
    limit: int = request.app.state.settings.http_max_request_body_bytes
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise _too_large(limit)
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        chunks.append(chunk)
    return b"".join(chunks)


def _too_large(limit: int) -> PayloadTooLarge:
    return PayloadTooLarge(
        f"The request body is larger than {limit} bytes, the limit set by "
        "HTTP_MAX_REQUEST_BODY_BYTES."
    )


def path_uuid(request: HTTPConnection, name: str) -> UUID:
    """A UUID from the path. Raises Unprocessable when it is none."""
    text = request.path_params[name]
    try:
        return UUID(text)
    except ValueError:
        raise Unprocessable(f"{name}: must be a UUID, got {text!r}.") from None


def query_as(request: Request, model: type[Asked]) -> Asked:
    """Read the query into `model`. Raises Unprocessable with one line for each parameter at fault.

    An empty value is the same as none, unless the model keeps it; of a parameter that is given
    several times the last counts. The items of a list may come one by one, as a JSON array or
    separated by commas.
    """
    given: dict[str, str | list[str]] = {}
    for name in request.query_params:
        if name not in model.model_fields:
            continue
        texts = request.query_params.getlist(name)
        if name in model.lists():
            items = [item for text in texts for item in _items(text, name)]
        else:
            items = texts
        if name not in model.keeps_empty:
            items = [item for item in items if item]
        if items:
            given[name] = items if name in model.lists() else items[-1]
    return validated(given, model)


def _items(text: str, name: str) -> list[str]:
    if not text.startswith("["):
        return [item.strip() for item in text.split(",")]
    try:
        items = loads(text)
    except orjson.JSONDecodeError:
        items = None
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise Unprocessable(f"{name}: must be a JSON array of strings, got {text!r}.")
    return items
