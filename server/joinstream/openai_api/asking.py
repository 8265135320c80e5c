"""Requests as runs: which assistant is meant, and what its graph is given."""

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request

from joinstream.domain.assistants import Assistant
from joinstream.domain.ids import RunId
from joinstream.domain.stream_modes import StreamMode
from joinstream.encoding import loads
from joinstream.errors import BadRequest, NotFound, Unprocessable
from joinstream.http.answer import input_id
from joinstream.http.header_selection import for_graphs
from joinstream.http.services import services
from joinstream.openai_api.schemas import ChatMessage

STREAM_MODES: tuple[StreamMode, ...] = ("messages-tuple",)
"""What runs are asked for: `deltas.py` reads it."""


async def assistant_of(request: Request, model: str) -> Assistant:
    """The assistant that is meant. Raises NotFound, or BadRequest when its graph takes no
    messages."""
    asked = services(request)
    try:
        assistant = await asked.assistants.resolve(model)
    except (NotFound, Unprocessable):
        raise NotFound(
            f"model: {model!r} is neither the UUID of an assistant nor a graph of this server; "
            "GET /v1/models lists what there is."
        ) from None
    if not await asked.assistant_graphs.takes_messages(assistant, for_graphs(request)):
        raise BadRequest(
            f"model: graph {assistant.graph_id!r} has no `messages` channel, so it cannot be "
            "talked to in this way; run it by POST /runs."
        )
    return assistant


def given_messages(run_id: RunId, messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The messages with ids of the run's, by which its answer is found behind them."""
    return [{**message, "id": input_id(run_id, number)} for number, message in enumerate(messages)]


def as_graph_message(message: ChatMessage) -> dict[str, Any]:
    """In the form that LangChain makes a message of."""
    given = message.model_dump(include={"role", "content", "name", "tool_call_id"})
    given = {name: value for name, value in given.items() if value is not None}
    given.setdefault("content", "")
    if message.tool_calls:
        given["tool_calls"] = [
            {
                "name": call.function.name,
                "args": loads(call.function.arguments or "{}"),
                "id": call.id,
                "type": "tool_call",
            }
            for call in message.tool_calls
        ]
    return given
