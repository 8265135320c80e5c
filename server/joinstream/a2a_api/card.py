"""Cards: what an assistant is as an agent, and where it is spoken to."""

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from joinstream.a2a_api.versions import NEWEST, OLDEST
from joinstream.a2a_api.wire import AgentCard, Capabilities, CardQuery, Interface, Skill
from joinstream.domain.assistants import Assistant
from joinstream.errors import Unprocessable
from joinstream.http.header_selection import for_graphs
from joinstream.http.respond import json_response
from joinstream.http.services import services

TEXT, DATA = "text/plain", "application/json"
_ABOUT = "a2a"
"""Where an assistant's metadata may say what it takes and gives."""


async def get_card(request: Request) -> Response:
    return await _card_answer(request, request.path_params["assistant_id"])


async def get_card_of_server(request: Request, query: CardQuery) -> Response:
    """The card of the assistant that is named, else of the one that the server is known by."""
    return await _card_answer(request, query.assistant_id or _default_of(request))


async def card_of(request: Request, assistant: Assistant) -> AgentCard:
    """Raises GraphUnusable."""
    asked = services(request)
    converses = await asked.assistant_graphs.takes_messages(assistant, for_graphs(request))
    of_graph = asked.project.description(assistant.graph_id)
    description = assistant.description or of_graph or f"Runs {assistant.graph_id}."
    url = f"{_here(request)}/a2a/{assistant.assistant_id}"
    return AgentCard(
        name=assistant.name,
        description=description,
        version=str(assistant.version),
        supportedInterfaces=[
            Interface(url=url, protocolBinding="JSONRPC", protocolVersion=version)
            for version in (NEWEST, OLDEST)
        ],
        url=url,
        preferredTransport="JSONRPC",
        protocolVersion=f"{OLDEST}.0",
        capabilities=Capabilities(streaming=True, pushNotifications=False),
        defaultInputModes=input_modes(assistant, converses=converses),
        defaultOutputModes=_modes(assistant, "output_modes") or [TEXT if converses else DATA],
        skills=[
            Skill(
                id=assistant.graph_id,
                name=assistant.name,
                description=description,
                tags=[assistant.graph_id],
            )
        ],
    )


def input_modes(assistant: Assistant, *, converses: bool) -> list[str]:
    """The media types that an agent takes. `converses`: its graph takes messages."""
    return _modes(assistant, "input_modes") or ([TEXT, DATA] if converses else [DATA])


def _here(request: Request) -> str:
    """This server as the client calls it, mount prefix included."""
    prefix = request.scope.get("root_path", "")
    return f"{request.url.scheme}://{request.url.netloc}{prefix}"


async def _card_answer(request: Request, id_or_graph: str) -> Response:
    assistant = await services(request).assistants.resolve(id_or_graph)
    return json_response(await card_of(request, assistant))


def _default_of(request: Request) -> str:
    graphs: Sequence[str] = list(services(request).project.graph_ids)
    chosen: str | None = request.app.state.settings.default_a2a_assistant_id
    if chosen is None and len(graphs) == 1:
        return graphs[0]
    if chosen is None:
        raise Unprocessable(
            "assistant_id: is required, for this server has several agents: the UUID of an "
            f"assistant, or a graph, which are {', '.join(graphs)}. DEFAULT_A2A_ASSISTANT_ID "
            "names one for those who do not say."
        )
    return chosen


def _modes(assistant: Assistant, name: str) -> list[str]:
    about: Any = assistant.metadata.get(_ABOUT)
    modes = about.get(name) if isinstance(about, dict) else None
    return [str(mode) for mode in modes] if isinstance(modes, list) else []
