"""The state of a thread: now, at a checkpoint, over time, and how to change it."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from joinstream.domain.state_view import CheckpointView, StateView, selected
from joinstream.domain.storage import ThreadStorage
from joinstream.errors import BadRequest, Conflict, GraphUnusable
from joinstream.http.parse import path_uuid
from joinstream.http.respond import json_response
from joinstream.http.routing import operation, operation_with_body
from joinstream.http.schemas.thread_states import (
    History,
    HistoryPage,
    StateAt,
    StateQuery,
    StateUpdateBody,
)
from joinstream.http.services import services
from joinstream.http.threads import thread_id_of
from joinstream.services.thread_states import HistoryQuery

_GRAPH_REFUSES = (BadRequest, GraphUnusable)


async def get_state(request: Request, query: StateQuery) -> Response:
    """The latest state, or the one at the checkpoint in the path."""
    state = await services(request).thread_states.get(
        thread_id_of(request), _checkpoint(request), subgraphs=query.subgraphs
    )
    return _shown(selected(state, query.select or None))


async def get_state_at(request: Request, body: StateAt) -> Response:
    state = await services(request).thread_states.get(
        thread_id_of(request), body.checkpoint.keys(), subgraphs=body.subgraphs
    )
    return _shown(selected(state, body.select))


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


async def get_history(request: Request, query: HistoryPage) -> Response:
    return await _history(request, query.query(), query.select or None)


async def search_history(request: Request, body: History) -> Response:
    return await _history(request, body.query(), body.select)


async def _history(request: Request, query: HistoryQuery, select: list[str] | None) -> Response:
    states = await services(request).thread_states.history(thread_id_of(request), query)
    return _shown([selected(state, select) for state in states])


def _shown(states: Any) -> Response:
    """Raises GraphUnusable for a state that JSON has no form for."""
    try:
        return json_response(states)
    except TypeError as error:
        raise GraphUnusable(f"The graph has made a state that is no JSON: {error}.") from None


async def get_storage(request: Request) -> Response:
    return json_response(await services(request).thread_states.storage(thread_id_of(request)))


def _checkpoint(request: Request) -> dict[str, Any]:
    if "checkpoint_id" not in request.path_params:
        return {}
    return {"checkpoint_id": str(path_uuid(request, "checkpoint_id"))}


routes: list[Route] = [
    operation(
        "GET",
        "/threads/{thread_id}/state",
        get_state,
        query=StateQuery,
        returns=StateView,
        raises=_GRAPH_REFUSES,
        summary="Get a thread's state",
    ),
    operation_with_body(
        "POST",
        "/threads/{thread_id}/state",
        update_state,
        body=StateUpdateBody,
        returns=dict[str, CheckpointView | str | None],
        raises=(*_GRAPH_REFUSES, Conflict),
        summary="Update a thread's state",
    ),
    operation_with_body(
        "POST",
        "/threads/{thread_id}/state/checkpoint",
        get_state_at,
        body=StateAt,
        returns=StateView,
        raises=_GRAPH_REFUSES,
        summary="Get a thread's state at a checkpoint",
    ),
    operation(
        "GET",
        "/threads/{thread_id}/state/{checkpoint_id}",
        get_state,
        query=StateQuery,
        returns=StateView,
        raises=_GRAPH_REFUSES,
        summary="Get a thread's state at a checkpoint of its root graph",
    ),
    operation(
        "GET",
        "/threads/{thread_id}/history",
        get_history,
        query=HistoryPage,
        returns=list[StateView],
        raises=_GRAPH_REFUSES,
        summary="List a thread's states, newest first",
    ),
    operation_with_body(
        "POST",
        "/threads/{thread_id}/history",
        search_history,
        body=History,
        returns=list[StateView],
        raises=_GRAPH_REFUSES,
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
