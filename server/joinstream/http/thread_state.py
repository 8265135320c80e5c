"""The state of a thread: now, at a checkpoint, over time, and how to change it."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from joinstream.domain.state_view import CheckpointView, StateView, selected
from joinstream.domain.storage import ThreadStorage
from joinstream.http.parse import as_uuid, query_bool, query_int, query_list
from joinstream.http.respond import json_response
from joinstream.http.routing import operation, operation_with_body
from joinstream.http.schemas.thread_states import History, StateAt, StateUpdateBody
from joinstream.http.services import services
from joinstream.http.threads import thread_id_of
from joinstream.services.thread_states import HistoryQuery

MAX_HISTORY = 1000


async def get_state(request: Request) -> Response:
    """The latest state, or the one at the checkpoint in the path."""
    given = request.path_params.get("checkpoint_id")
    state = await services(request).thread_states.get(
        thread_id_of(request), _checkpoint(given), subgraphs=query_bool(request, "subgraphs")
    )
    return json_response(selected(state, query_list(request, "select")))


async def get_state_at(request: Request, body: StateAt) -> Response:
    state = await services(request).thread_states.get(
        thread_id_of(request), body.checkpoint.keys(), subgraphs=body.subgraphs
    )
    return json_response(selected(state, body.select))


async def update_state(request: Request, body: StateUpdateBody) -> Response:
    checkpoint = await services(request).thread_states.update(
        thread_id_of(request), body.at(), body.values, body.as_node
    )
    return json_response(
        {
            "checkpoint": checkpoint,
            "configurable": checkpoint,
            "checkpoint_id": checkpoint["checkpoint_id"],
        }
    )


async def get_history(request: Request) -> Response:
    query = HistoryQuery(
        limit=query_int(request, "limit", 1, minimum=1, maximum=MAX_HISTORY),
        before=_checkpoint(request.query_params.get("before")),
    )
    return await _history(request, query, query_list(request, "select"))


async def search_history(request: Request, body: History) -> Response:
    return await _history(request, body.query(), body.select)


async def _history(request: Request, query: HistoryQuery, select: list[str] | None) -> Response:
    states = await services(request).thread_states.history(thread_id_of(request), query)
    return json_response([selected(state, select) for state in states])


async def get_storage(request: Request) -> Response:
    return json_response(await services(request).thread_states.storage(thread_id_of(request)))


def _checkpoint(checkpoint_id: str | None) -> dict[str, Any]:
    return {"checkpoint_id": str(as_uuid(checkpoint_id, "checkpoint_id"))} if checkpoint_id else {}


routes: list[Route] = [
    operation(
        "GET",
        "/threads/{thread_id}/state",
        get_state,
        returns=StateView,
        query={"subgraphs": bool, "select": list[str]},
        summary="Get a thread's state",
    ),
    operation_with_body(
        "POST",
        "/threads/{thread_id}/state",
        update_state,
        body=StateUpdateBody,
        returns=dict[str, CheckpointView | str | None],
        summary="Update a thread's state",
    ),
    operation_with_body(
        "POST",
        "/threads/{thread_id}/state/checkpoint",
        get_state_at,
        body=StateAt,
        returns=StateView,
        summary="Get a thread's state at a checkpoint",
    ),
    operation(
        "GET",
        "/threads/{thread_id}/state/{checkpoint_id}",
        get_state,
        returns=StateView,
        query={"subgraphs": bool, "select": list[str]},
        summary="Get a thread's state at a checkpoint of its root graph",
    ),
    operation(
        "GET",
        "/threads/{thread_id}/history",
        get_history,
        returns=list[StateView],
        query={"limit": int, "before": str, "select": list[str]},
        summary="List a thread's states, newest first",
    ),
    operation_with_body(
        "POST",
        "/threads/{thread_id}/history",
        search_history,
        body=History,
        returns=list[StateView],
        summary="Search a thread's states, newest first",
    ),
    operation(
        "GET",
        "/threads/{thread_id}/storage",
        get_storage,
        returns=ThreadStorage,
        summary="Measure what a thread's checkpoints take",
    ),
]
