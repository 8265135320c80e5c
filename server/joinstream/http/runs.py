"""Runs on threads, and stateless runs, which have the same routes without the thread."""

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from joinstream.domain.ids import RunId, ThreadId
from joinstream.domain.run_record import Run
from joinstream.errors import BadRequest, Conflict, NotFound, TooManyRequests, Unprocessable
from joinstream.http.header_selection import for_graphs
from joinstream.http.headers import (
    CONTENT_LOCATION,
    IDEMPOTENCY_KEY,
    LAST_EVENT_ID,
    LOCATION,
    PAGINATION_EXACT,
    PAGINATION_NEXT,
    PAGINATION_TOTAL,
    PREFER_EXACT,
    STREAM_POSITION,
)
from joinstream.http.idempotency import run_key
from joinstream.http.pages import page_response, wants_exact_total
from joinstream.http.parse import path_uuid
from joinstream.http.respond import json_response, no_content
from joinstream.http.routing import operation, operation_with_body
from joinstream.http.run_streams import (
    cursor_of,
    ended_body,
    event_stream,
    position_as_json,
    result_body,
    run_path,
)
from joinstream.http.schemas.runs import (
    RUN_FIELDS,
    RUN_OPTIONS,
    CancelHow,
    CancelQuery,
    JoinQuery,
    RunBatch,
    RunCreate,
    RunField,
    RunInQueue,
    RunOptionsQuery,
    RunOut,
    RunsCancel,
    RunsQuery,
    ServerSentEvent,
    StreamQuery,
    StreamRunQuery,
)
from joinstream.http.services import services
from joinstream.services.runs import RunPurpose

_EVENT_STREAM = "text/event-stream"
_CANNOT_BE_CREATED = (BadRequest, NotFound, Conflict, TooManyRequests)


def run_as_json(run: Run, select: Sequence[RunField] = ()) -> dict[str, Any]:
    """What may be unset is shown when it is set."""
    shown = {name: getattr(run, name) for name in select or RUN_FIELDS}
    return {
        name: value for name, value in shown.items() if value is not None or name not in RUN_OPTIONS
    }


def _thread_id(request: Request) -> ThreadId | None:
    return ThreadId(path_uuid(request, "thread_id")) if "thread_id" in request.path_params else None


async def requested_run(request: Request, to: RunPurpose = "read") -> Run:
    """The run in the path, if the caller may do this to it."""
    run_id = RunId(path_uuid(request, "run_id"))
    return await services(request).runs.get(_thread_id(request), run_id, to)


async def _run_to_join(request: Request, query: JoinQuery) -> Run:
    run = await requested_run(request)
    return await requested_run(request, "update") if query.cancel_on_disconnect else run


async def create_run(request: Request, body: RunCreate, query: RunOptionsQuery) -> Response:
    thread_id = _thread_id(request)
    creation = services(request).run_creation
    asked = body.request(query)
    new = await creation.prepare(thread_id, asked, for_graphs(request))
    run, _ = await creation.create(new, run_key(request, asked))
    headers = {"Content-Location": run_path(request, run)}
    return json_response(run_as_json(run), headers=headers)


async def stream_run(request: Request, body: RunCreate, query: StreamRunQuery) -> Response:
    thread_id = _thread_id(request)
    asked = body.request(query)
    new = await services(request).run_creation.prepare(thread_id, asked, for_graphs(request))
    return event_stream(
        request,
        await services(request).run_streams.create(new, run_key(request, asked)),
        wanted=query.filter(),
        cancel_on_disconnect=body.on_disconnect == "cancel",
    )


async def wait_for_run(request: Request, body: RunCreate, query: RunOptionsQuery) -> Response:
    thread_id = _thread_id(request)
    asked = body.request(query)
    new = await services(request).run_creation.prepare(thread_id, asked, for_graphs(request))
    key = run_key(request, asked)
    return result_body(
        request,
        await services(request).run_streams.create(new, key, only_end=True),
        cancel_on_disconnect=body.on_disconnect == "cancel",
    )


async def create_runs(request: Request, body: RunBatch) -> Response:
    creation = services(request).run_creation
    asked = [each.request() for each in body.root]
    new = []
    for position, each in enumerate(asked):
        try:
            new.append(await creation.prepare(None, each, for_graphs(request)))
        except (BadRequest, NotFound, Unprocessable) as error:
            raise type(error)(f"[{position}]: {error.detail}") from None
    created = await creation.create_together(new, run_key(request, *asked))
    return json_response([run_as_json(run) for run in created])


async def list_runs(request: Request, query: RunsQuery) -> Response:
    thread_id = ThreadId(path_uuid(request, "thread_id"))
    await services(request).threads.get(thread_id, to="search")
    page, total = await services(request).runs.search(
        thread_id,
        status=query.status,
        limit=query.limit,
        offset=query.offset,
        exact=wants_exact_total(request),
    )
    shown = [run_as_json(run, query.select) for run in page]
    return page_response(shown, offset=query.offset, total=total)


async def get_run(request: Request) -> Response:
    run = await requested_run(request)
    shown = run_as_json(run)
    if (position := await services(request).runs.queue_position(run)) is not None:
        shown["queue"] = position_as_json(position)
    return json_response(shown)


async def delete_run(request: Request) -> Response:
    await services(request).runs.delete(await requested_run(request, "delete"))
    return no_content()


async def join_run(request: Request, query: JoinQuery) -> Response:
    run = await _run_to_join(request, query)
    return result_body(
        request,
        await services(request).run_streams.join(run, "now", only_end=True),
        cancel_on_disconnect=query.cancel_on_disconnect,
    )


async def join_stream(request: Request, query: StreamQuery) -> Response:
    cursor = cursor_of(request, query.last_event_id)
    run = await _run_to_join(request, query)
    return event_stream(
        request,
        await services(request).run_streams.join(run, cursor),
        wanted=query.filter(query.stream_mode),
        cancel_on_disconnect=query.cancel_on_disconnect,
    )


async def cancel_run(request: Request, query: CancelQuery) -> Response:
    run = await requested_run(request, "update")
    if not query.wait:
        await services(request).runs.cancel(run, query.action, query.reason)
        return Response(status_code=202)
    stream = await services(request).run_streams.cancel(run, query.action, query.reason)
    return ended_body(request, stream)


async def cancel_runs(request: Request, body: RunsCancel, query: CancelHow) -> Response:
    by_status, by_ids = body.status is not None, bool(body.thread_id and body.run_ids)
    if by_status == by_ids:
        raise Unprocessable("Send either status, or both thread_id and run_ids.")
    await services(request).runs.cancel_many(
        status=body.status,
        thread_id=ThreadId(body.thread_id) if body.thread_id else None,
        run_ids=[RunId(run_id) for run_id in body.run_ids or []],
        action=query.action,
    )
    return no_content()


def _routes_of(prefix: str) -> list[Route]:
    """The routes both kinds of runs have."""
    run = f"{prefix}/runs/{{run_id}}"
    return [
        operation_with_body(
            "POST",
            f"{prefix}/runs",
            create_run,
            body=RunCreate,
            query=RunOptionsQuery,
            takes=(IDEMPOTENCY_KEY,),
            returns=RunOut,
            gives=(CONTENT_LOCATION,),
            raises=_CANNOT_BE_CREATED,
            summary="Create a run that executes in the background",
        ),
        operation_with_body(
            "POST",
            f"{prefix}/runs/stream",
            stream_run,
            body=RunCreate,
            query=StreamRunQuery,
            takes=(IDEMPOTENCY_KEY,),
            returns=ServerSentEvent,
            content=_EVENT_STREAM,
            gives=(LOCATION, CONTENT_LOCATION, STREAM_POSITION),
            raises=_CANNOT_BE_CREATED,
            summary="Create a run and stream its events",
        ),
        operation_with_body(
            "POST",
            f"{prefix}/runs/wait",
            wait_for_run,
            body=RunCreate,
            query=RunOptionsQuery,
            takes=(IDEMPOTENCY_KEY,),
            returns=Any,
            gives=(LOCATION, CONTENT_LOCATION),
            raises=_CANNOT_BE_CREATED,
            summary="Create a run and wait for its output",
        ),
        operation("GET", run, get_run, returns=RunInQueue, summary="Get a run"),
        operation("DELETE", run, delete_run, status=204, summary="Delete a run"),
        operation(
            "GET",
            f"{run}/join",
            join_run,
            query=JoinQuery,
            returns=Any,
            gives=(LOCATION, CONTENT_LOCATION),
            summary="Wait for a run's output",
        ),
        operation(
            "GET",
            f"{run}/stream",
            join_stream,
            query=StreamQuery,
            takes=(LAST_EVENT_ID,),
            returns=ServerSentEvent,
            content=_EVENT_STREAM,
            gives=(LOCATION, CONTENT_LOCATION, STREAM_POSITION),
            summary="Join a run's stream; Last-Event-ID replays what was missed",
        ),
        operation(
            "POST",
            f"{run}/cancel",
            cancel_run,
            query=CancelQuery,
            status=202,
            or_else={200: dict[str, Any]},
            summary="Cancel a run",
        ),
    ]


routes: list[Route] = [
    operation_with_body(
        "POST",
        "/runs/batch",
        create_runs,
        body=RunBatch,
        takes=(IDEMPOTENCY_KEY,),
        returns=list[RunOut],
        raises=_CANNOT_BE_CREATED,
        summary="Create several stateless runs, all of them or none",
    ),
    operation_with_body(
        "POST",
        "/runs/cancel",
        cancel_runs,
        body=RunsCancel,
        query=CancelHow,
        status=204,
        raises=(NotFound,),
        summary="Cancel several runs",
    ),
    operation(
        "GET",
        "/threads/{thread_id}/runs",
        list_runs,
        query=RunsQuery,
        takes=(PREFER_EXACT,),
        returns=list[RunOut],
        gives=(PAGINATION_TOTAL, PAGINATION_EXACT, PAGINATION_NEXT),
        summary="List a thread's runs, newest first",
    ),
    *_routes_of("/threads/{thread_id}"),
    *_routes_of(""),
]
