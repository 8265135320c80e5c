"""The routes of the OpenAI API."""

from starlette.routing import Route

from joinstream.errors import (
    BadRequest,
    Conflict,
    GraphUnusable,
    NotFound,
    TooManyRequests,
    Unavailable,
)
from joinstream.http.headers import CONTENT_LOCATION, IDEMPOTENCY_KEY
from joinstream.http.routing import operation, operation_with_body
from joinstream.http.schemas.runs import ServerSentEvent
from joinstream.openai_api.chat import create_completion
from joinstream.openai_api.conversations import (
    create_conversation,
    delete_conversation,
    get_conversation,
    update_conversation,
)
from joinstream.openai_api.errors import ErrorOut
from joinstream.openai_api.models import get_model, list_models
from joinstream.openai_api.response_schemas import (
    ConversationCreate,
    ConversationDeleted,
    ConversationOut,
    ConversationUpdate,
    ResponseDeleted,
    ResponseOut,
    ResponseRequest,
    RetrieveQuery,
)
from joinstream.openai_api.responses import (
    cancel_response,
    create_response,
    delete_response,
    get_response,
)
from joinstream.openai_api.schemas import ChatCompletion, ChatRequest, ModelList, ModelOut

_EVENT_STREAM = "text/event-stream"
_CANNOT_BE_ASKED = (BadRequest, NotFound, Conflict, GraphUnusable, TooManyRequests)

routes: list[Route] = [
    operation(
        "GET",
        "/v1/models",
        list_models,
        returns=ModelList,
        refusal=ErrorOut,
        summary="List what can be talked to in the ways of OpenAI",
    ),
    operation(
        "GET",
        "/v1/models/{model}",
        get_model,
        returns=ModelOut,
        raises=(BadRequest, GraphUnusable),
        refusal=ErrorOut,
        summary="Get a model by the UUID of an assistant, or the name of a graph",
    ),
    operation_with_body(
        "POST",
        "/v1/chat/completions",
        create_completion,
        body=ChatRequest,
        returns=ChatCompletion,
        or_as={_EVENT_STREAM: ServerSentEvent},
        takes=(IDEMPOTENCY_KEY,),
        gives=(CONTENT_LOCATION,),
        raises=_CANNOT_BE_ASKED,
        refusal=ErrorOut,
        summary="Continue a conversation, as a whole or streamed",
    ),
    operation_with_body(
        "POST",
        "/v1/responses",
        create_response,
        body=ResponseRequest,
        returns=ResponseOut,
        or_as={_EVENT_STREAM: ServerSentEvent},
        takes=(IDEMPOTENCY_KEY,),
        gives=(CONTENT_LOCATION,),
        raises=_CANNOT_BE_ASKED,
        refusal=ErrorOut,
        summary="Answer, in a way that can be continued; waited for, streamed or in the background",
    ),
    operation(
        "GET",
        "/v1/responses/{response_id}",
        get_response,
        query=RetrieveQuery,
        returns=ResponseOut,
        or_as={_EVENT_STREAM: ServerSentEvent},
        gives=(CONTENT_LOCATION,),
        refusal=ErrorOut,
        summary="Get a response, or join its stream",
    ),
    operation(
        "DELETE",
        "/v1/responses/{response_id}",
        delete_response,
        returns=ResponseDeleted,
        refusal=ErrorOut,
        summary="Delete a response",
    ),
    operation(
        "POST",
        "/v1/responses/{response_id}/cancel",
        cancel_response,
        returns=ResponseOut,
        gives=(CONTENT_LOCATION,),
        raises=(Unavailable,),
        refusal=ErrorOut,
        summary="Cancel a response",
    ),
    operation_with_body(
        "POST",
        "/v1/conversations",
        create_conversation,
        body=ConversationCreate,
        returns=ConversationOut,
        refusal=ErrorOut,
        summary="Begin a conversation for responses",
    ),
    operation(
        "GET",
        "/v1/conversations/{conversation_id}",
        get_conversation,
        returns=ConversationOut,
        refusal=ErrorOut,
        summary="Get a conversation",
    ),
    operation_with_body(
        "POST",
        "/v1/conversations/{conversation_id}",
        update_conversation,
        body=ConversationUpdate,
        returns=ConversationOut,
        refusal=ErrorOut,
        summary="Merge metadata into a conversation's",
    ),
    operation(
        "DELETE",
        "/v1/conversations/{conversation_id}",
        delete_conversation,
        returns=ConversationDeleted,
        refusal=ErrorOut,
        summary="Delete a conversation with its responses",
    ),
]
