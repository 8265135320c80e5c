"""The stream of a thread: the events of all its runs, for as long as the thread exists."""

from collections.abc import AsyncIterator, Collection
from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from joinstream.domain.events import Frame, FrameBatch, FrameKind
from joinstream.encoding import dumps, loads
from joinstream.event_streaming.classic import classic_frames
from joinstream.http.headers import LAST_EVENT_ID, LOCATION, STREAM_POSITION
from joinstream.http.routing import operation
from joinstream.http.run_streams import cursor_of, gap_bytes, position, rejoin
from joinstream.http.schemas.runs import ServerSentEvent, ThreadStreamMode, ThreadStreamQuery
from joinstream.http.services import services
from joinstream.http.sse import HEARTBEAT, STREAM_HEADERS, StreamingBody
from joinstream.http.threads import thread_id_of
from joinstream.services.state_updates import STATE_UPDATE
from joinstream.services.thread_streams import ThreadStream
from joinstream.streams.codec import data_of, sse_bytes
from joinstream.streams.event_filter import EventFilter
from joinstream.streams.join import Gap, Heartbeat


async def stream_thread(request: Request, query: ThreadStreamQuery) -> Response:
    cursor = cursor_of(request, query.last_event_id)
    stream = await services(request).thread_streams.join(thread_id_of(request), cursor)
    path = f"{request.scope.get('root_path', '')}/threads/{stream.thread_id}"
    location = {"Location": f"{path}/{rejoin(request, ThreadStreamQuery, stream.cursor)}"}
    return StreamingBody(
        _chunks(request, stream, query.modes(), query.filter()),
        {**STREAM_HEADERS, **location, **position(stream.cursor)},
        open_streams=request.app.state.open_streams,
        close=stream.close,
    )


async def _chunks(
    request: Request,
    stream: ThreadStream,
    modes: Collection[ThreadStreamMode],
    wanted: EventFilter,
) -> AsyncIterator[bytes]:
    read_values = partial(services(request).thread_streams.current_values, stream.thread_id)
    async for item in stream.items:
        if isinstance(item, FrameBatch):
            frames = wanted.chosen(classic_frames(item.frames))
            chunk = b"".join([_shown(frame, modes) for frame in frames])
            if chunk:
                yield chunk
        elif isinstance(item, Gap):
            yield await gap_bytes(item, read_values)
        elif isinstance(item, Heartbeat):
            yield HEARTBEAT


def _shown(frame: Frame, modes: Collection[ThreadStreamMode]) -> bytes:
    """The event as it is sent; nothing when its kind is not wanted."""
    if frame.mode == STATE_UPDATE:
        return frame.body if STATE_UPDATE in modes else b""
    tells_lifecycle = "run_modes" in modes or "lifecycle" in modes
    if frame.kind is FrameKind.END:
        return _run_done(frame) if tells_lifecycle else b""
    if frame.kind is FrameKind.METADATA:
        return frame.body if tells_lifecycle else b""
    return frame.body if "run_modes" in modes else b""


def _run_done(end: Frame) -> bytes:
    """An `end` would tell clients that the whole stream is over."""
    how = loads(data_of(end.body))
    done = {"status": "run_done", "run_id": end.run_id, "run_status": how["status"]}
    return sse_bytes("metadata", dumps(done), end.id)


routes: list[Route] = [
    operation(
        "GET",
        "/threads/{thread_id}/stream",
        stream_thread,
        query=ThreadStreamQuery,
        takes=(LAST_EVENT_ID,),
        returns=ServerSentEvent,
        content="text/event-stream",
        gives=(LOCATION, STREAM_POSITION),
        summary="Follow a thread's runs, one after another; Last-Event-ID replays what was missed",
    ),
]
