"""The `Idempotency-Key` header: what was sent twice, because an answer got lost, creates once."""

import hashlib
from dataclasses import fields
from typing import Any

import orjson
from starlette.requests import Request

from joinstream.domain.run_record import RunKey
from joinstream.domain.run_request import RunRequest
from joinstream.errors import Unprocessable
from joinstream.http.headers import IDEMPOTENCY_KEY
from joinstream.http.schemas.base import Body

_LONGEST: int = IDEMPOTENCY_KEY.schema["maxLength"]


def run_key(request: Request, *asked: RunRequest) -> RunKey | None:
    """The key of a request for runs, None when it has none.

    Raises Unprocessable for one that is empty or too long.
    """
    text = key_in(request)
    if text is None:
        return None
    what = [request.path_params.get("thread_id"), *map(_as_asked, asked)]
    return RunKey(text, _fingerprint(what))


def body_key(request: Request, body: Body, *, but: set[str]) -> RunKey | None:
    """The key of a request that is what its path and its body say, apart from the fields `but`.

    Raises Unprocessable as `run_key` does.
    """
    text = key_in(request)
    if text is None:
        return None
    return RunKey(text, _fingerprint([request.url.path, body.model_dump(exclude=but)]))


def key_in(request: Request) -> str | None:
    """The text of a request's key. Raises Unprocessable as `run_key` does."""
    text = request.headers.get(IDEMPOTENCY_KEY.name)
    if text is not None and not 1 <= len(text) <= _LONGEST:
        raise Unprocessable(
            f"Idempotency-Key: must have from 1 to {_LONGEST} characters, got {len(text)}."
        )
    return text


def _fingerprint(what: list[Any]) -> bytes:
    document = orjson.dumps(what, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    return hashlib.sha256(document).digest()


def _as_asked(request: RunRequest) -> dict[str, Any]:
    """Without what is as it is when nobody asks, so that a default may be spelt out or not."""
    usual = RunRequest(request.assistant)
    names = [field.name for field in fields(RunRequest)]
    different = {
        name: getattr(request, name)
        for name in names
        if getattr(request, name) != getattr(usual, name)
    }
    return {"assistant": request.assistant, **different}
