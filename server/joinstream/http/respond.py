"""The two kinds of plain answers. Streams are made in `sse.py`."""

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from joinstream.encoding import dumps


def json_response(
    value: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Answer with JSON; every Python value a graph may hold has an encoding."""
    return Response(dumps(value), status, headers, media_type="application/json")


def no_content(headers: Mapping[str, str] | None = None) -> Response:
    """204. Clients parse the body of anything else, so an empty 200 would break them."""
    return Response(status_code=204, headers=headers)
