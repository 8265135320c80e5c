"""Threads. Their state has routes of its own in `thread_state`."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from joinstream.domain.ids import ThreadId
from joinstream.domain.threads import THREAD_FIELDS, Thread
from joinstream.errors import BadRequest, Conflict, GraphUnusable
from joinstream.http.headers import (
    PAGINATION_EXACT,
    PAGINATION_NEXT,
    PAGINATION_TOTAL,
    PREFER_EXACT,
    PREFER_MINIMAL,
)
from joinstream.http.pages import only, page_response, wants_exact_total
from joinstream.http.parse import path_uuid
from joinstream.http.respond import json_response, no_content
from joinstream.http.routing import operation, operation_with_body
from joinstream.http.schemas.threads import (
    ThreadCount,
    ThreadCreate,
    ThreadGet,
    ThreadPatch,
    ThreadPrune,
    ThreadSearch,
)
from joinstream.http.services import services


def thread_id_of(request: Request) -> ThreadId:
    return ThreadId(path_uuid(request, "thread_id"))


async def create_thread(request: Request, body: ThreadCreate) -> Response:
    thread = await services(request).threads.create(
        ThreadId(body.thread_id) if body.thread_id else None,
        body.metadata,
        body.ttl.value() if body.ttl else None,
        body.if_exists,
        [[update.update() for update in superstep.updates] for superstep in body.supersteps],
    )
    return json_response(thread)


async def search_threads(request: Request, body: ThreadSearch) -> Response:
    query = body.query(exact=wants_exact_total(request))
    page = await services(request).threads.search(query)
    return page_response(page.threads, offset=body.offset, total=page.total)


async def count_threads(request: Request, body: ThreadCount) -> Response:
    return json_response(await services(request).threads.count(body.wanted()))


async def prune_threads(request: Request, body: ThreadPrune) -> Response:
    pruned = await services(request).threads.prune(map(ThreadId, body.thread_ids), body.strategy)
    return json_response({"pruned_count": pruned})


async def get_thread(request: Request, query: ThreadGet) -> Response:
    thread_id = thread_id_of(request)
    thread = await services(request).threads.get(thread_id)
    if "ttl" not in query.include:
        return json_response(thread)
    ttl = await services(request).threads.ttl(thread_id)
    return json_response({**only(thread, THREAD_FIELDS), "ttl": ttl})


async def patch_thread(request: Request, body: ThreadPatch) -> Response:
    thread = await services(request).threads.patch(
        thread_id_of(request), body.metadata, body.ttl.value() if body.ttl else None
    )
    wants_nothing = "return=minimal" in request.headers.get("prefer", "")
    return no_content() if wants_nothing else json_response(thread)


async def delete_thread(request: Request) -> Response:
    await services(request).threads.delete(thread_id_of(request))
    return no_content()


async def copy_thread(request: Request) -> Response:
    return json_response(await services(request).threads.copy(thread_id_of(request)))


routes: list[Route] = [
    operation_with_body(
        "POST",
        "/threads",
        create_thread,
        body=ThreadCreate,
        returns=Thread,
        raises=(BadRequest, Conflict, GraphUnusable),
        summary="Create a thread",
    ),
    operation_with_body(
        "POST",
        "/threads/search",
        search_threads,
        body=ThreadSearch,
        returns=list[Thread],
        takes=(PREFER_EXACT,),
        gives=(PAGINATION_TOTAL, PAGINATION_EXACT, PAGINATION_NEXT),
        summary="Search threads",
    ),
    operation_with_body(
        "POST",
        "/threads/count",
        count_threads,
        body=ThreadCount,
        returns=int,
        summary="Count threads",
    ),
    operation_with_body(
        "POST",
        "/threads/prune",
        prune_threads,
        body=ThreadPrune,
        returns=dict[str, int],
        summary="Delete threads, or all but their latest checkpoint",
    ),
    operation(
        "GET",
        "/threads/{thread_id}",
        get_thread,
        query=ThreadGet,
        returns=Thread,
        summary="Get a thread; include=ttl adds its time to live",
    ),
    operation_with_body(
        "PATCH",
        "/threads/{thread_id}",
        patch_thread,
        body=ThreadPatch,
        takes=(PREFER_MINIMAL,),
        returns=Thread,
        or_else={204: None},
        summary="Merge metadata into a thread's",
    ),
    operation(
        "DELETE",
        "/threads/{thread_id}",
        delete_thread,
        status=204,
        summary="Delete a thread with its runs and checkpoints",
    ),
    operation(
        "POST",
        "/threads/{thread_id}/copy",
        copy_thread,
        returns=Thread,
        summary="Copy a thread with its checkpoints",
    ),
]
