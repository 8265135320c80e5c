"""The routes of LangServe."""

from typing import Any

from starlette.routing import Route

from joinstream.errors import BadRequest, Conflict, GraphUnusable, NotFound, TooManyRequests
from joinstream.http.headers import CONTENT_LOCATION
from joinstream.http.routing import operation, operation_with_body
from joinstream.http.schemas.runs import ServerSentEvent
from joinstream.langserve_api.batching import batch
from joinstream.langserve_api.describing import config_schema, input_schema, output_schema
from joinstream.langserve_api.invoking import invoke
from joinstream.langserve_api.schemas import (
    BatchOut,
    BatchRequest,
    CallRequest,
    InvokeOut,
    SelectiveRequest,
)
from joinstream.langserve_api.streaming import stream, stream_events, stream_log

_CANNOT_BE_CALLED = (BadRequest, NotFound, Conflict, GraphUnusable, TooManyRequests)
_EVENT_STREAM = "text/event-stream"

routes: list[Route] = [
    operation_with_body(
        "POST",
        "/langserve/{graph}/invoke",
        invoke,
        body=CallRequest,
        returns=InvokeOut,
        gives=(CONTENT_LOCATION,),
        raises=_CANNOT_BE_CALLED,
        summary="Call a graph and wait for its output",
    ),
    operation_with_body(
        "POST",
        "/langserve/{graph}/batch",
        batch,
        body=BatchRequest,
        returns=BatchOut,
        raises=_CANNOT_BE_CALLED,
        summary="Call a graph several times and wait for all outputs",
    ),
    operation_with_body(
        "POST",
        "/langserve/{graph}/stream",
        stream,
        body=CallRequest,
        returns=ServerSentEvent,
        content=_EVENT_STREAM,
        gives=(CONTENT_LOCATION,),
        raises=_CANNOT_BE_CALLED,
        summary="Call a graph and stream what it yields",
    ),
    operation_with_body(
        "POST",
        "/langserve/{graph}/stream_events",
        stream_events,
        body=SelectiveRequest,
        returns=ServerSentEvent,
        content=_EVENT_STREAM,
        gives=(CONTENT_LOCATION,),
        raises=_CANNOT_BE_CALLED,
        summary="Call a graph and stream the events of its parts",
    ),
    operation_with_body(
        "POST",
        "/langserve/{graph}/stream_log",
        stream_log,
        body=SelectiveRequest,
        returns=ServerSentEvent,
        content=_EVENT_STREAM,
        gives=(CONTENT_LOCATION,),
        raises=_CANNOT_BE_CALLED,
        summary="Call a graph and stream patches of a log of its parts",
    ),
    operation(
        "GET",
        "/langserve/{graph}/input_schema",
        input_schema,
        returns=dict[str, Any],
        raises=(GraphUnusable,),
        summary="Get the JSON schema of a graph's input",
    ),
    operation(
        "GET",
        "/langserve/{graph}/output_schema",
        output_schema,
        returns=dict[str, Any],
        raises=(GraphUnusable,),
        summary="Get the JSON schema of a graph's output",
    ),
    operation(
        "GET",
        "/langserve/{graph}/config_schema",
        config_schema,
        returns=dict[str, Any],
        raises=(GraphUnusable,),
        summary="Get the JSON schema of a config that a call may have",
    ),
]
