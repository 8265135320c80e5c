"""Pages of a list: the headers official clients read to fetch the next one."""

from collections.abc import Collection, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from joinstream.domain.pages import Total
from joinstream.http.headers import PAGINATION_EXACT, PAGINATION_NEXT, PAGINATION_TOTAL
from joinstream.http.respond import json_response


def page_response(page: Sequence[Any], *, offset: int, total: Total) -> Response:
    """The page, with the number of all matches and, unless it is the last, the next offset."""
    headers = {PAGINATION_TOTAL.name: str(total.number)}
    if not total.exact:
        headers[PAGINATION_EXACT.name] = "false"
    reached = offset + len(page)
    if page and reached < total.number:
        headers[PAGINATION_NEXT.name] = str(reached)
    return json_response(page, headers=headers)


def wants_exact_total(request: Request) -> bool:
    return "count=exact" in request.headers.get("prefer", "")


def only(value: object, fields: Collection[str] | None) -> Any:
    """The selected fields of a record; none selected are all."""
    return {name: getattr(value, name) for name in fields} if fields else value
