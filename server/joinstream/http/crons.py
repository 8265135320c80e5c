"""Crons: runs on a schedule."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from joinstream.domain.crons import Cron, CronFiring
from joinstream.domain.ids import AssistantId, CronId, ThreadId
from joinstream.domain.pages import Total
from joinstream.errors import BadRequest, NotFound
from joinstream.http.headers import PAGINATION_NEXT, PAGINATION_TOTAL
from joinstream.http.pages import only, page_response
from joinstream.http.parse import path_uuid
from joinstream.http.respond import json_response, no_content
from joinstream.http.routing import operation, operation_with_body
from joinstream.http.schemas.crons import CronCount, CronCreate, CronPatch, CronSearch, FiringsQuery
from joinstream.http.services import services


def _cron_id(request: Request) -> CronId:
    return CronId(path_uuid(request, "cron_id"))


def _assistant_id(request: Request, named: str | None) -> AssistantId | None:
    return services(request).assistants.identify(named) if named else None


async def create_cron(request: Request, body: CronCreate) -> Response:
    on_thread = "thread_id" in request.path_params
    thread_id = ThreadId(path_uuid(request, "thread_id")) if on_thread else None
    return json_response(await services(request).crons.create(thread_id, body.wanted()))


async def get_cron(request: Request) -> Response:
    return json_response(await services(request).crons.get(_cron_id(request)))


async def patch_cron(request: Request, body: CronPatch) -> Response:
    change = body.change()
    if not change.fields and not change.payload:
        raise BadRequest("There is nothing to change: name at least one field of the cron.")
    return json_response(await services(request).crons.update(_cron_id(request), change))


async def delete_cron(request: Request) -> Response:
    await services(request).crons.delete(_cron_id(request))
    return no_content()


def _shown(cron: Cron, select: Sequence[str] | None) -> Any:
    """The selected fields of a cron; `now` is the time of the answer."""
    if select is None or "now" not in select:
        return only(cron, select)
    return {**only(cron, [name for name in select if name != "now"]), "now": datetime.now(UTC)}


async def search_crons(request: Request, body: CronSearch) -> Response:
    page, total = await services(request).crons.search(
        body.wanted(_assistant_id(request, body.assistant_id)),
        limit=body.limit,
        offset=body.offset,
        sort_by=body.sort_by,
        sort_order=body.sort_order,
    )
    shown = [_shown(cron, body.select) for cron in page]
    return page_response(shown, offset=body.offset, total=Total(total))


async def count_crons(request: Request, body: CronCount) -> Response:
    wanted = body.wanted(_assistant_id(request, body.assistant_id))
    return json_response(await services(request).crons.count(wanted))


async def list_firings(request: Request, query: FiringsQuery) -> Response:
    page, total = await services(request).crons.firings(
        _cron_id(request), limit=query.limit, offset=query.offset
    )
    return page_response(page, offset=query.offset, total=Total(total))


def _create(path: str, summary: str) -> Route:
    return operation_with_body(
        "POST",
        path,
        create_cron,
        body=CronCreate,
        returns=Cron,
        raises=(NotFound,),
        summary=summary,
    )


routes: list[Route] = [
    _create("/runs/crons", "Create a cron whose every firing is a run without a thread"),
    _create("/threads/{thread_id}/runs/crons", "Create a cron that runs on a thread"),
    operation_with_body(
        "POST",
        "/runs/crons/search",
        search_crons,
        body=CronSearch,
        returns=list[Cron],
        gives=(PAGINATION_TOTAL, PAGINATION_NEXT),
        summary="Search crons",
    ),
    operation_with_body(
        "POST", "/runs/crons/count", count_crons, body=CronCount, returns=int, summary="Count crons"
    ),
    operation("GET", "/runs/crons/{cron_id}", get_cron, returns=Cron, summary="Get a cron"),
    operation_with_body(
        "PATCH",
        "/runs/crons/{cron_id}",
        patch_cron,
        body=CronPatch,
        returns=Cron,
        raises=(BadRequest,),
        summary="Change a cron",
    ),
    operation("DELETE", "/runs/crons/{cron_id}", delete_cron, status=204, summary="Delete a cron"),
    operation(
        "GET",
        "/runs/crons/{cron_id}/firings",
        list_firings,
        returns=list[CronFiring],
        query=FiringsQuery,
        gives=(PAGINATION_TOTAL, PAGINATION_NEXT),
        summary="List what came of a cron's times, newest first",
    ),
]
