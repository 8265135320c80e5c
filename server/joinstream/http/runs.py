"""Runs on threads, and stateless runs, which have the same routes without the thread."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from joinstream.domain.ids import RunId, ThreadId
from joinstream.domain.run_record import Run
from joinstream.domain.runs import RUN_STATUSES, CancelAction
from joinstream.errors import Unprocessable
from joinstream.http.parse import path_uuid, query_bool, query_choice, query_int, query_list
from joinstream.http.respond import json_response, no_content
from joinstream.http.routing import operation, operation_with_body
from joinstream.http.run_streams import (
    cursor_of,
    ended_body,
    event_stream,
    result_body,
    run_path,
)
from joinstream.http.schemas.runs import RunBatch, RunCreate, RunOut, RunsCancel
from joinstream.http.services import services
from joinstream.services.runs import RunPurpose

EVENT_STREAM = "text/event-stream"
RUN_FIELDS = tuple(RunOut.__annotations__)


def run_as_json(run: Run, select: list[str] | None = None) -> dict[str, Any]:
    fields = RUN_FIELDS if select is None else [name for name in select if name in RUN_FIELDS]
    return {name: getattr(run, name) for name in fields}


def _thread_id(request: Request) -> ThreadId | None:
    return ThreadId(path_uuid(request, "thread_id")) if "thread_id" in request.path_params else None


async def _run(request: Request, to: RunPurpose = "read") -> Run:
    run_id = RunId(path_uuid(request, "run_id"))
    return await services(request).runs.get(_thread_id(request), run_id, to)


async def _run_to_join(request: Request) -> tuple[Run, bool]:
    """The run, and whether it is to be cancelled when the reader leaves."""
    cancels = query_bool(request, "cancel_on_disconnect")
    run = await _run(request)
    return (await _run(request, "update") if cancels else run), cancels


async def create_run(request: Request, body: RunCreate) -> Response:
    thread_id = _thread_id(request)
    runs = services(request).runs
    run = await runs.create(await runs.prepare(thread_id, body.request()))
    headers = {"Content-Location": run_path(request, run, stateless=thread_id is None)}
    return json_response(run_as_json(run), headers=headers)


async def stream_run(request: Request, body: RunCreate) -> Response:
    thread_id = _thread_id(request)
    new = await services(request).runs.prepare(thread_id, body.request())
    return event_stream(
        request,
        await services(request).run_streams.create(new),
        stateless=thread_id is None,
        cancel_on_disconnect=body.on_disconnect == "cancel",
    )


async def wait_for_run(request: Request, body: RunCreate) -> Response:
    thread_id = _thread_id(request)
    new = await services(request).runs.prepare(thread_id, body.request())
    return result_body(
        request,
        await services(request).run_streams.create(new, only_end=True),
        stateless=thread_id is None,
        cancel_on_disconnect=body.on_disconnect == "cancel",
    )


async def create_runs(request: Request, body: RunBatch) -> Response:
    runs = services(request).runs
    new = [await runs.prepare(None, wanted.request()) for wanted in body.root]
    return json_response([run_as_json(await runs.create(run)) for run in new])


async def list_runs(request: Request) -> Response:
    thread_id = ThreadId(path_uuid(request, "thread_id"))
    await services(request).threads.get(thread_id, to="search")
    found = await services(request).runs.search(
        thread_id,
        status=query_choice(request, "status", RUN_STATUSES),
        limit=query_int(request, "limit", 10, minimum=1, maximum=1000),
        offset=query_int(request, "offset", 0),
    )
    select = query_list(request, "select")
    return json_response([run_as_json(run, select) for run in found])


async def get_run(request: Request) -> Response:
    return json_response(run_as_json(await _run(request)))


async def delete_run(request: Request) -> Response:
    await services(request).runs.delete(await _run(request, "delete"))
    return no_content()


async def join_run(request: Request) -> Response:
    run, cancels = await _run_to_join(request)
    stateless = "thread_id" not in request.path_params
    return result_body(
        request,
        await services(request).run_streams.join(run, "now", only_end=True),
        stateless=stateless,
        cancel_on_disconnect=cancels,
    )


async def join_stream(request: Request) -> Response:
    cursor = cursor_of(request)
    run, cancels = await _run_to_join(request)
    return event_stream(
        request,
        await services(request).run_streams.join(run, cursor),
        stateless="thread_id" not in request.path_params,
        cancel_on_disconnect=cancels,
    )


async def cancel_run(request: Request) -> Response:
    run = await _run(request, "update")
    action = _action(request)
    reason = request.query_params.get("reason") or "cancelled by request"
    if not query_bool(request, "wait"):
        await services(request).runs.cancel(run, action, reason)
        return Response(status_code=202)
    stream = await services(request).run_streams.cancel(run, action, reason)
    return ended_body(request, stream, stateless="thread_id" not in request.path_params)


async def cancel_runs(request: Request, body: RunsCancel) -> Response:
    by_status, by_ids = body.status is not None, bool(body.thread_id and body.run_ids)
    if by_status == by_ids:
        raise Unprocessable("Send either status, or both thread_id and run_ids.")
    await services(request).runs.cancel_many(
        status=body.status,
        thread_id=ThreadId(body.thread_id) if body.thread_id else None,
        run_ids=[RunId(run_id) for run_id in body.run_ids or []],
        action=_action(request),
    )
    return no_content()


def _action(request: Request) -> CancelAction:
    action = request.query_params.get("action") or "interrupt"
    if action == "interrupt":
        return "interrupt"
    if action == "rollback":
        return "rollback"
    raise Unprocessable(f"action: must be interrupt or rollback, got {action!r}.")


def _routes_of(prefix: str) -> list[BaseRoute]:
    """The routes both kinds of runs have."""
    run = f"{prefix}/runs/{{run_id}}"
    return [
        operation_with_body(
            "POST",
            f"{prefix}/runs",
            create_run,
            body=RunCreate,
            returns=RunOut,
            summary="Create a run that executes in the background",
        ),
        operation_with_body(
            "POST",
            f"{prefix}/runs/stream",
            stream_run,
            body=RunCreate,
            content=EVENT_STREAM,
            summary="Create a run and stream its events",
        ),
        operation_with_body(
            "POST",
            f"{prefix}/runs/wait",
            wait_for_run,
            body=RunCreate,
            returns=Any,
            summary="Create a run and wait for its output",
        ),
        operation("GET", run, get_run, returns=RunOut, summary="Get a run"),
        operation("DELETE", run, delete_run, status=204, summary="Delete a run"),
        operation(
            "GET",
            f"{run}/join",
            join_run,
            returns=Any,
            query={"cancel_on_disconnect": bool},
            summary="Wait for a run's output",
        ),
        operation(
            "GET",
            f"{run}/stream",
            join_stream,
            content=EVENT_STREAM,
            query={"stream_mode": list[str], "cancel_on_disconnect": bool},
            summary="Join a run's stream; Last-Event-ID replays what was missed",
        ),
        operation(
            "POST",
            f"{run}/cancel",
            cancel_run,
            status=202,
            query={"wait": bool, "action": CancelAction, "reason": str},
            summary="Cancel a run",
        ),
    ]


routes: list[BaseRoute] = [
    operation_with_body(
        "POST",
        "/runs/batch",
        create_runs,
        body=RunBatch,
        returns=list[RunOut],
        summary="Create several stateless runs",
    ),
    operation_with_body(
        "POST",
        "/runs/cancel",
        cancel_runs,
        body=RunsCancel,
        status=204,
        query={"action": CancelAction},
        summary="Cancel several runs",
    ),
    operation(
        "GET",
        "/threads/{thread_id}/runs",
        list_runs,
        returns=list[RunOut],
        query={"limit": int, "offset": int, "status": str, "select": list[str]},
        summary="List a thread's runs, newest first",
    ),
    *_routes_of("/threads/{thread_id}"),
    *_routes_of(""),
]
