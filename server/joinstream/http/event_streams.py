"""The routes of the event-streaming protocol over HTTP: its commands, and its events as SSE."""

from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from joinstream.domain.ids import ThreadId
from joinstream.encoding import dumps
from joinstream.errors import BadRequest, Conflict, NotFound, TooManyRequests, Unprocessable
from joinstream.event_streaming.filters import ChannelFilter
from joinstream.event_streaming.sequence import comes_after, seq_of
from joinstream.http.header_selection import for_graphs
from joinstream.http.parse import path_uuid
from joinstream.http.respond import json_response
from joinstream.http.routing import operation_with_body
from joinstream.http.schemas.event_streams import CommandAnswer, CommandIn, Subscription
from joinstream.http.schemas.runs import ServerSentEvent
from joinstream.http.services import services
from joinstream.http.sse import HEARTBEAT, STREAM_HEADERS, StreamingBody
from joinstream.http.thread_commands import Commands, refused
from joinstream.observe import metrics
from joinstream.services.thread_commands import CommandRefused
from joinstream.services.thread_events import CaughtUp, EventStream
from joinstream.streams.codec import sse_bytes
from joinstream.streams.join import Gap, Heartbeat


async def stream_events(request: Request, body: Subscription) -> Response:
    thread_id = ThreadId(path_uuid(request, "thread_id"))
    stream = await services(request).thread_events.open(thread_id)
    return StreamingBody(
        _chunks(stream, body.filter()),
        STREAM_HEADERS,
        open_streams=request.app.state.open_streams,
        close=stream.close,
    )


async def command(request: Request, body: CommandIn) -> Response:
    thread_id = ThreadId(path_uuid(request, "thread_id"))
    commands = Commands(services(request), thread_id, for_graphs(request))
    return json_response(await commands.carry_out(body))


def _malformed(error: Unprocessable) -> Response:
    """What is no command is refused in the protocol's words, which its clients show."""
    refusal = refused(None, CommandRefused("invalid_argument", error.detail))
    return json_response({**refusal, "detail": error.detail}, BadRequest.status)


async def _chunks(stream: EventStream, asked: ChannelFilter) -> AsyncIterator[bytes]:
    caught_up = False
    async for item in stream.items_for(asked):
        if isinstance(item, list):
            if chunk := b"".join([told.body for told in item]):
                yield chunk
        elif isinstance(item, Heartbeat):
            yield HEARTBEAT
        elif isinstance(item, CaughtUp):
            caught_up = True
            if stream.top is None and asked.since is not None:
                yield _error_event(resume_gap(None, asked.since))
        elif caught_up or misses(item, asked):
            metrics.STREAM_GAPS.inc()
            yield _error_event(resume_gap(item, asked.since))


def misses(gap: Gap, asked: ChannelFilter) -> bool:
    """Whether events that were asked for are among those that the log no longer holds."""
    if asked.since is None:
        return False
    return gap.until is None or comes_after(seq_of(gap.until), asked.since)


def resume_gap(gap: Gap | None, since: int | None) -> dict[str, Any]:
    first = seq_of(gap.until) + 1 if gap is not None and gap.until is not None else None
    return {
        "type": "error",
        "id": None,
        "error": "resume_gap",
        "message": "Events are missing that the log no longer holds. Read the thread's state.",
        "since": since,
        "min_available_seq": first,
    }


def _error_event(frame: dict[str, Any]) -> bytes:
    return sse_bytes("error", dumps(frame), None)


routes: list[Route] = [
    operation_with_body(
        "POST",
        "/threads/{thread_id}/stream/events",
        stream_events,
        body=Subscription,
        returns=ServerSentEvent,
        content="text/event-stream",
        raises=(NotFound,),
        summary="Follow a thread: the events of all its runs, from before and from now on",
    ),
    operation_with_body(
        "POST",
        "/threads/{thread_id}/commands",
        command,
        body=CommandIn,
        returns=CommandAnswer,
        malformed=_malformed,
        raises=(BadRequest, NotFound, Conflict, TooManyRequests),
        summary="Have a thread do something: start a run, answer an interrupt, cancel",
    ),
]
