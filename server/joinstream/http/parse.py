"""Reads paths, queries and bodies, and says exactly what is wrong with them.

`Content-Type` is not looked at: whatever the client calls it, the body is JSON. A body is parsed on
the event loop, because orjson holds the interpreter lock: a thread would make the loop wait alike.
"""

from collections.abc import Sequence
from typing import Any, TypeVar
from uuid import UUID

import orjson
from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from joinstream.encoding import loads, replace_nul
from joinstream.errors import PayloadTooLarge, Unprocessable
from joinstream.http.validation import explain, one_of

LARGEST_INTEGER = 2**63 - 1
"""Postgres counts no further."""

_TRUE = frozenset({"true", "yes", "1"})

Model = TypeVar("Model", bound=BaseModel)


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
    raw = await read_body(request)
    if not raw.strip():
        raise Unprocessable("The request body is empty: send JSON.")
    if b"\\u0000" in raw:
        raw = replace_nul(raw.decode("utf-8", "replace")).encode()
    try:
        return loads(raw)
    except orjson.JSONDecodeError as error:
        raise Unprocessable(
            f"The request body is not valid JSON: {error.msg} "
            f"at line {error.lineno} column {error.colno}."
        ) from None


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


def path_uuid(request: Request, name: str) -> UUID:
    """A UUID from the path. Raises Unprocessable when it is none."""
    return as_uuid(request.path_params[name], name)


def as_uuid(text: str, name: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Unprocessable(f"{name}: must be a UUID, got {text!r}.") from None


def query_bool(request: Request, name: str, default: bool = False) -> bool:
    """`true`, `yes` and `1` in any case are true, everything else but an empty value is false."""
    text = request.query_params.get(name, "")
    return text.lower() in _TRUE if text else default


def query_int(
    request: Request, name: str, default: int, *, minimum: int = 0, maximum: int = LARGEST_INTEGER
) -> int:
    """An integer within bounds. Raises Unprocessable; an empty value is the default."""
    text = request.query_params.get(name, "")
    if not text:
        return default
    try:
        number = int(text)
    except ValueError:
        raise Unprocessable(f"{name}: must be an integer, got {text!r}.") from None
    if not minimum <= number <= maximum:
        raise Unprocessable(f"{name}: must be from {minimum} to {maximum}, got {number}.")
    return number


def query_choice(request: Request, name: str, choices: Sequence[str]) -> str | None:
    """One of the choices, None when absent or empty. Raises Unprocessable."""
    text = request.query_params.get(name, "")
    if text and text not in choices:
        raise Unprocessable(f"{name}: must be {one_of(choices)}, got {text!r}.")
    return text or None


def query_list(request: Request, name: str) -> list[str] | None:
    """All values of a repeated key; each may also be a JSON array or a comma-separated list.

    None when the key is absent or empty. Raises Unprocessable for a broken JSON array.
    """
    values = [item for text in request.query_params.getlist(name) for item in _items(text, name)]
    return values or None


def _items(text: str, name: str) -> list[str]:
    if not text.startswith("["):
        return [item.strip() for item in text.split(",") if item.strip()]
    try:
        items = loads(text)
    except orjson.JSONDecodeError:
        items = None
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise Unprocessable(f"{name}: must be a JSON array of strings, got {text!r}.")
    return [item for item in items if item]
