"""Runs whose attempts are used up. The official server has no such routes."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from joinstream.errors import Conflict
from joinstream.http.headers import CONTENT_LOCATION, PAGINATION_NEXT, PAGINATION_TOTAL
from joinstream.http.pages import page_response
from joinstream.http.respond import json_response
from joinstream.http.routing import operation
from joinstream.http.run_streams import run_path
from joinstream.http.runs import requested_run, run_as_json
from joinstream.http.schemas.runs import RunOut, SetAsideQuery
from joinstream.http.services import services


async def list_set_aside(request: Request, query: SetAsideQuery) -> Response:
    page, total = await services(request).set_aside_runs.search(
        limit=query.limit, offset=query.offset
    )
    shown = [run_as_json(run, query.select) for run in page]
    return page_response(shown, offset=query.offset, total=total)


async def retry_run(request: Request) -> Response:
    run = await requested_run(request, "update")
    retried = await services(request).set_aside_runs.retry(run)
    headers = {"Content-Location": run_path(request, run)}
    return json_response(run_as_json(retried), headers=headers)


routes: list[Route] = [
    operation(
        "GET",
        "/runs/set-aside",
        list_set_aside,
        query=SetAsideQuery,
        returns=list[RunOut],
        gives=(PAGINATION_TOTAL, PAGINATION_NEXT),
        summary="List the runs that were set aside because their attempts are used up",
    ),
    *(
        operation(
            "POST",
            f"{prefix}/runs/{{run_id}}/retry",
            retry_run,
            returns=RunOut,
            gives=(CONTENT_LOCATION,),
            raises=(Conflict,),
            summary="Retry a run that was set aside, from its last checkpoint",
        )
        for prefix in ("/threads/{thread_id}", "")
    ),
]
