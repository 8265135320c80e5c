"""Assistants. Wherever an id stands in a path, the name of a graph means its system assistant."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from joinstream.domain.assistants import Assistant, AssistantVersion
from joinstream.domain.ids import AssistantId
from joinstream.errors import BadRequest, Conflict, GraphUnusable, NotFound
from joinstream.http.header_selection import for_graphs
from joinstream.http.headers import PAGINATION_NEXT, PAGINATION_TOTAL
from joinstream.http.pages import only, page_response
from joinstream.http.respond import json_response, no_content
from joinstream.http.routing import operation, operation_with_body
from joinstream.http.schemas.assistants import (
    AssistantCount,
    AssistantCreate,
    AssistantDelete,
    AssistantLatest,
    AssistantPatch,
    AssistantSearch,
    AssistantVersionsQuery,
    Drawing,
    SubgraphsQuery,
)
from joinstream.http.services import services


def assistant_id_of(request: Request) -> AssistantId:
    return services(request).assistants.identify(request.path_params["assistant_id"])


async def create_assistant(request: Request, body: AssistantCreate) -> Response:
    created = await services(request).assistants.create(body.new_assistant(), body.if_exists)
    return json_response(created)


async def search_assistants(request: Request, body: AssistantSearch) -> Response:
    page, total = await services(request).assistants.search(
        body.wanted(),
        limit=body.limit,
        offset=body.offset,
        sort_by=body.sort_by,
        sort_order=body.sort_order,
    )
    shown = [only(assistant, body.select) for assistant in page]
    return page_response(shown, offset=body.offset, total=total)


async def count_assistants(request: Request, body: AssistantCount) -> Response:
    return json_response(await services(request).assistants.count(body.wanted()))


async def get_assistant(request: Request) -> Response:
    return json_response(await services(request).assistants.get(assistant_id_of(request)))


async def patch_assistant(request: Request, body: AssistantPatch) -> Response:
    changed = await services(request).assistants.update(assistant_id_of(request), body.change())
    return json_response(changed)


async def delete_assistant(request: Request, query: AssistantDelete) -> Response:
    await services(request).assistant_removal.delete(
        assistant_id_of(request), delete_threads=query.delete_threads
    )
    return no_content()


async def list_versions(request: Request, body: AssistantVersionsQuery) -> Response:
    versions = await services(request).assistants.versions(
        assistant_id_of(request), body.metadata, limit=body.limit, offset=body.offset
    )
    return json_response(versions)


async def set_latest(request: Request, body: AssistantLatest) -> Response:
    assistant_id = assistant_id_of(request)
    return json_response(await services(request).assistants.set_latest(assistant_id, body.version))


async def draw_graph(request: Request, query: Drawing) -> Response:
    assistant = await services(request).assistants.get(assistant_id_of(request))
    drawing = services(request).assistant_graphs.drawing(
        assistant, for_graphs(request), xray=query.xray
    )
    return json_response(await drawing)


async def get_schemas(request: Request) -> Response:
    assistant = await services(request).assistants.get(assistant_id_of(request))
    schemas = services(request).assistant_graphs.schemas(assistant, for_graphs(request))
    return json_response(await schemas)


async def get_subgraphs(request: Request, query: SubgraphsQuery) -> Response:
    assistant = await services(request).assistants.get(assistant_id_of(request))
    subgraphs = services(request).assistant_graphs.subgraphs(
        assistant, for_graphs(request), request.path_params.get("namespace"), recurse=query.recurse
    )
    return json_response(await subgraphs)


routes: list[Route] = [
    operation_with_body(
        "POST",
        "/assistants",
        create_assistant,
        body=AssistantCreate,
        returns=Assistant,
        raises=(BadRequest, NotFound, Conflict),
        summary="Create an assistant",
    ),
    operation_with_body(
        "POST",
        "/assistants/search",
        search_assistants,
        body=AssistantSearch,
        returns=list[Assistant],
        gives=(PAGINATION_TOTAL, PAGINATION_NEXT),
        raises=(NotFound,),
        summary="Search assistants",
    ),
    operation_with_body(
        "POST",
        "/assistants/count",
        count_assistants,
        body=AssistantCount,
        returns=int,
        raises=(NotFound,),
        summary="Count assistants",
    ),
    operation(
        "GET",
        "/assistants/{assistant_id}",
        get_assistant,
        returns=Assistant,
        summary="Get an assistant",
    ),
    operation_with_body(
        "PATCH",
        "/assistants/{assistant_id}",
        patch_assistant,
        body=AssistantPatch,
        returns=Assistant,
        raises=(BadRequest,),
        summary="Make a new version of an assistant",
    ),
    operation(
        "DELETE",
        "/assistants/{assistant_id}",
        delete_assistant,
        query=AssistantDelete,
        status=204,
        raises=(Conflict,),
        summary="Delete an assistant with its versions",
    ),
    operation_with_body(
        "POST",
        "/assistants/{assistant_id}/versions",
        list_versions,
        body=AssistantVersionsQuery,
        returns=list[AssistantVersion],
        summary="List an assistant's versions, newest first",
    ),
    operation_with_body(
        "POST",
        "/assistants/{assistant_id}/latest",
        set_latest,
        body=AssistantLatest,
        returns=Assistant,
        summary="Make an older version of an assistant current again",
    ),
    operation(
        "GET",
        "/assistants/{assistant_id}/graph",
        draw_graph,
        query=Drawing,
        returns=dict[str, Any],
        raises=(GraphUnusable,),
        summary="Get the nodes and edges of an assistant's graph",
    ),
    operation(
        "GET",
        "/assistants/{assistant_id}/schemas",
        get_schemas,
        returns=dict[str, Any],
        raises=(GraphUnusable,),
        summary="Get the JSON schemas of an assistant's graph",
    ),
    operation(
        "GET",
        "/assistants/{assistant_id}/subgraphs",
        get_subgraphs,
        query=SubgraphsQuery,
        returns=dict[str, Any],
        raises=(GraphUnusable,),
        summary="Get the schemas of the subgraphs of an assistant's graph",
    ),
    operation(
        "GET",
        "/assistants/{assistant_id}/subgraphs/{namespace}",
        get_subgraphs,
        query=SubgraphsQuery,
        returns=dict[str, Any],
        raises=(GraphUnusable,),
        summary="Get the schemas of one subgraph of an assistant's graph",
    ),
]
