"""`/v1/conversations`: threads, as what they are called here."""

from starlette.requests import Request
from starlette.responses import Response

from joinstream.domain.ids import ThreadId
from joinstream.domain.threads import Thread
from joinstream.errors import NotFound
from joinstream.http.respond import json_response
from joinstream.http.services import services
from joinstream.openai_api.response_schemas import (
    ConversationCreate,
    ConversationDeleted,
    ConversationOut,
    ConversationUpdate,
    id_in,
)

CONVERSATION = "conv_"


def conversation_id(thread_id: ThreadId) -> str:
    return f"{CONVERSATION}{thread_id.hex}"


async def thread_of(request: Request, conversation: str, field: str = "conversation") -> Thread:
    """The thread that is a conversation. Raises NotFound."""
    thread_id = id_in(conversation, CONVERSATION)
    absent = NotFound(f"{field}: there is no {conversation!r}; it is the id of a thread.")
    if thread_id is None:
        raise absent
    try:
        return await services(request).threads.get(ThreadId(thread_id))
    except NotFound:
        raise absent from None


async def create_conversation(request: Request, body: ConversationCreate) -> Response:
    thread = await services(request).threads.create(None, body.metadata, None, "raise")
    return json_response(_shown(thread))


async def get_conversation(request: Request) -> Response:
    return json_response(_shown(await _requested(request)))


async def update_conversation(request: Request, body: ConversationUpdate) -> Response:
    thread = await _requested(request)
    changed = await services(request).threads.patch(thread.thread_id, body.metadata, None)
    return json_response(_shown(changed))


async def delete_conversation(request: Request) -> Response:
    """Its responses go with it."""
    thread = await _requested(request)
    await services(request).threads.delete(thread.thread_id)
    deleted = ConversationDeleted(
        id=conversation_id(thread.thread_id), object="conversation.deleted", deleted=True
    )
    return json_response(deleted)


async def _requested(request: Request) -> Thread:
    return await thread_of(request, request.path_params["conversation_id"], "conversation_id")


def _shown(thread: Thread) -> ConversationOut:
    return ConversationOut(
        id=conversation_id(thread.thread_id),
        object="conversation",
        created_at=int(thread.created_at.timestamp()),
        metadata=dict(thread.metadata),
    )
