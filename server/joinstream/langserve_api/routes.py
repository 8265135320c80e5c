"""The routes of LangServe."""

from starlette.routing import Route

from joinstream.errors import BadRequest, Conflict, GraphUnusable, NotFound, TooManyRequests
from joinstream.http.headers import CONTENT_LOCATION
from joinstream.http.routing import operation_with_body
from joinstream.http.schemas.runs import ServerSentEvent
from joinstream.langserve_api.invoking import invoke
from joinstream.langserve_api.schemas import CallRequest, InvokeOut, SelectiveRequest
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
]
