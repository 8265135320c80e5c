"""Pages of a search: the headers official clients read to fetch the next one."""

from collections.abc import Iterable, Sequence
from typing import Any

from starlette.responses import Response

from joinstream.http.respond import json_response


def page_response(page: Sequence[Any], *, offset: int, total: int) -> Response:
    """The page, with the number of all matches and, unless it is the last, the next offset."""
    headers = {"X-Pagination-Total": str(total)}
    reached = offset + len(page)
    if page and reached < total:
        headers["X-Pagination-Next"] = str(reached)
    return json_response(page, headers=headers)


def only(value: object, fields: Iterable[str] | None) -> Any:
    """The selected fields of a record; None selects all."""
    return value if fields is None else {name: getattr(value, name) for name in fields}
