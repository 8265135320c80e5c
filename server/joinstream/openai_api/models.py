"""The models: assistants whose graphs take messages."""

from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response

from joinstream.domain.assistants import Assistant, system_assistant_id
from joinstream.errors import GraphUnusable
from joinstream.http.header_selection import for_graphs
from joinstream.http.respond import json_response
from joinstream.http.services import services
from joinstream.openai_api.asking import assistant_of
from joinstream.openai_api.schemas import ModelList, ModelOut
from joinstream.ports.assistants import AssistantFilter

OWNER = "joinstream"
_PAGE = 1000


async def list_models(request: Request) -> Response:
    """Graphs by their names, then the assistants that the caller may see."""
    of_graphs = [assistant async for assistant in _of_graphs(request)]
    usable = {assistant.graph_id for assistant in of_graphs}
    made = [each async for each in _made_by_clients(request) if each.graph_id in usable]
    data = [model_out(assistant) for assistant in (*of_graphs, *made)]
    return json_response(ModelList(object="list", data=data))


async def get_model(request: Request) -> Response:
    return json_response(model_out(await assistant_of(request, request.path_params["model"])))


def model_out(assistant: Assistant) -> ModelOut:
    graph_id = assistant.graph_id
    return ModelOut(
        id=graph_id if _is_graphs_own(assistant) else str(assistant.assistant_id),
        object="model",
        created=int(assistant.created_at.timestamp()),
        owned_by=OWNER,
    )


async def _of_graphs(request: Request) -> AsyncIterator[Assistant]:
    """A graph that cannot be opened is no model."""
    asked = services(request)
    for graph_id in asked.project.graph_ids:
        assistant = await asked.assistants.resolve(graph_id)
        try:
            takes_messages = await asked.assistant_graphs.takes_messages(
                assistant, for_graphs(request)
            )
        except GraphUnusable:
            continue
        if takes_messages:
            yield assistant


async def _made_by_clients(request: Request) -> AsyncIterator[Assistant]:
    offset, more = 0, True
    while more:
        page, _ = await services(request).assistants.search(
            AssistantFilter(), limit=_PAGE, offset=offset, sort_by="created_at", sort_order="asc"
        )
        for assistant in page:
            if not _is_graphs_own(assistant):
                yield assistant
        offset, more = offset + _PAGE, len(page) == _PAGE


def _is_graphs_own(assistant: Assistant) -> bool:
    return assistant.assistant_id == system_assistant_id(assistant.graph_id)
