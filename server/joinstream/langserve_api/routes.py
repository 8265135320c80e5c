"""The routes of LangServe."""

from collections.abc import Iterator
from typing import Any

from starlette.routing import Route

from joinstream.errors import BadRequest, Conflict, GraphUnusable, NotFound, TooManyRequests
from joinstream.http.headers import CONTENT_LOCATION
from joinstream.http.routing import ApiRoute, BodyHandler, operation, operation_with_body
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

_GRAPH = "/langserve/{graph}"
_GRAPH_WITH_CONFIG = "/langserve/{graph}/c/{config_hash}"

_STREAMS: tuple[tuple[str, BodyHandler[Any], type[CallRequest], str], ...] = (
    ("stream", stream, CallRequest, "stream what it yields"),
    ("stream_events", stream_events, SelectiveRequest, "stream the events of its parts"),
    ("stream_log", stream_log, SelectiveRequest, "stream patches of a log of its parts"),
)
_SCHEMAS = (
    ("input_schema", input_schema, "a graph's input"),
    ("output_schema", output_schema, "a graph's output"),
    ("config_schema", config_schema, "a config that a call may have"),
)


def _calls(graph: str, which: str) -> Iterator[ApiRoute]:
    yield operation_with_body(
        "POST",
        f"{graph}/invoke",
        invoke,
        body=CallRequest,
        returns=InvokeOut,
        gives=(CONTENT_LOCATION,),
        raises=_CANNOT_BE_CALLED,
        summary=f"Call a graph{which} and wait for its output",
    )
    yield operation_with_body(
        "POST",
        f"{graph}/batch",
        batch,
        body=BatchRequest,
        returns=BatchOut,
        raises=_CANNOT_BE_CALLED,
        summary=f"Call a graph{which} several times and wait for all outputs",
    )
    for name, handler, body, purpose in _STREAMS:
        yield operation_with_body(
            "POST",
            f"{graph}/{name}",
            handler,
            body=body,
            returns=ServerSentEvent,
            content=_EVENT_STREAM,
            gives=(CONTENT_LOCATION,),
            raises=_CANNOT_BE_CALLED,
            summary=f"Call a graph{which} and {purpose}",
        )


routes: list[Route] = [
    *_calls(_GRAPH, ""),
    *_calls(_GRAPH_WITH_CONFIG, " with a config in the path"),
    *(
        operation(
            "GET",
            f"{_GRAPH}/{name}",
            handler,
            returns=dict[str, Any],
            raises=(GraphUnusable,),
            summary=f"Get the JSON schema of {what}",
        )
        for name, handler, what in _SCHEMAS
    ),
]
