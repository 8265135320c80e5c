"""The models: assistants whose graphs take messages."""

from starlette.requests import Request
from starlette.responses import Response

from joinstream.domain.assistants import Assistant, is_graphs_own
from joinstream.errors import GraphUnusable
from joinstream.http.header_selection import for_graphs
from joinstream.http.respond import json_response
from joinstream.http.services import services
from joinstream.openai_api.asking import assistant_of
from joinstream.openai_api.schemas import ModelList, ModelOut

OWNER = "joinstream"


async def list_models(request: Request) -> Response:
    """Graphs by their names, then the assistants that the caller may see."""
    usable = [each async for each in services(request).assistants.usable()]
    talking = {
        each.graph_id
        for each in usable
        if is_graphs_own(each) and await _takes_messages(request, each)
    }
    data = [model_out(each) for each in usable if each.graph_id in talking]
    return json_response(ModelList(object="list", data=data))


async def get_model(request: Request) -> Response:
    return json_response(model_out(await assistant_of(request, request.path_params["model"])))


def model_out(assistant: Assistant) -> ModelOut:
    graph_id = assistant.graph_id
    return ModelOut(
        id=graph_id if is_graphs_own(assistant) else str(assistant.assistant_id),
        object="model",
        created=int(assistant.created_at.timestamp()),
        owned_by=OWNER,
    )


async def _takes_messages(request: Request, assistant: Assistant) -> bool:
    """Not so when its graph cannot be opened."""
    graphs = services(request).assistant_graphs
    try:
        return await graphs.takes_messages(assistant, for_graphs(request))
    except GraphUnusable:
        return False
