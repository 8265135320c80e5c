"""A run's events, and its result, as response bodies."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request

from joinstream.domain.events import EventId, FrameBatch
from joinstream.domain.queue_position import QueuePosition
from joinstream.domain.run_record import Run
from joinstream.encoding import dumps
from joinstream.errors import NotFound, RequestError, Unprocessable
from joinstream.event_streaming.classic import classic_frames
from joinstream.http.measured import measure_of
from joinstream.http.schemas.base import Query
from joinstream.http.schemas.runs import QueueOut, StreamQuery
from joinstream.http.services import services
from joinstream.http.sse import HEARTBEAT, STREAM_HEADERS, OpenStreams, StreamingBody
from joinstream.observe import metrics
from joinstream.services.run_streams import RunStream
from joinstream.streams.codec import sse_bytes
from joinstream.streams.event_filter import EventFilter
from joinstream.streams.join import Cursor, Ended, Gap, Heartbeat, Now

START = "0"
"""The position before a stream's first event."""


def run_path(request: Request, run: Run) -> str:
    """The run's own path, mount prefix included; what `Content-Location` says."""
    prefix = request.scope.get("root_path", "")
    thread = "" if run.temporary else f"/threads/{run.thread_id}"
    return f"{prefix}{thread}/runs/{run.run_id}"


def locations(request: Request, run: Run, rejoin: str) -> dict[str, str]:
    """`Location` is where to `rejoin`, below the run's own path."""
    path = run_path(request, run)
    return {"Location": f"{path}/{rejoin}", "Content-Location": path}


def cursor_of(request: Request, otherwise: str) -> Cursor:
    """Where `Last-Event-ID` says to go on: `-1`, `-` and `0` are the start, none is now.

    `otherwise` counts when there is no such header. Raises Unprocessable for anything else that is
    not one of our event ids.
    """
    header = request.headers.get("last-event-id")
    text = (header or otherwise).strip()
    if not text:
        return "now"
    if text in ("-1", "-", START):
        return "start"
    try:
        return EventId.parse(text)
    except ValueError as error:
        name = "Last-Event-ID" if header else "last_event_id"
        raise Unprocessable(f"{name}: {error}; -1 replays from the start.") from None


def position(cursor: Cursor) -> dict[str, str]:
    """Where a stream begins, as a `Last-Event-ID` to come back with before the first event.

    Without it, a client that loses its connection that early cannot say where it was.
    """
    where = _where(cursor)
    return {"X-Stream-Position": where} if where else {}


def _where(cursor: Cursor) -> str | None:
    if cursor == "now":
        return None  # the log cannot be reached
    id = cursor.top if isinstance(cursor, Now) else cursor
    return str(id) if isinstance(id, EventId) else START


def rejoin(request: Request, query: type[Query], cursor: Cursor) -> str:
    """How to join the stream again, for clients that go where `Location` leads and no more: as it
    was asked for, from where it began unless they tell of an event they have.

    `query` is what the path that leads to the stream heeds.
    """
    asked = [
        (name, text)
        for name, text in request.query_params.multi_items()
        if name in query.model_fields and name != "last_event_id"
    ]
    where = _where(cursor)
    text = urlencode([*asked, *([("last_event_id", where)] if where else [])])
    return f"stream?{text}" if text else "stream"


def event_stream(
    request: Request,
    stream: RunStream,
    *,
    wanted: EventFilter,
    cancel_on_disconnect: bool,
) -> StreamingBody:
    """The SSE response of a run: those of its events that are wanted."""
    return run_body(
        request,
        stream,
        _sse_chunks(request, stream, wanted),
        {
            **STREAM_HEADERS,
            **locations(request, stream.run, rejoin(request, StreamQuery, stream.cursor)),
            **position(stream.cursor),
        },
        cancel_on_disconnect=cancel_on_disconnect,
    )


def result_body(
    request: Request, stream: RunStream, *, cancel_on_disconnect: bool
) -> StreamingBody:
    """The response of `wait` and `join`: newlines to keep the connection alive, then JSON."""
    return run_body(
        request,
        stream,
        _result_chunks(request, stream),
        {
            "Content-Type": "application/json",
            **locations(request, stream.run, "join"),
        },
        cancel_on_disconnect=cancel_on_disconnect,
    )


def ended_body(request: Request, stream: RunStream) -> StreamingBody:
    """The response of `cancel` with wait: `{}` as soon as the run is really over."""

    async def chunks() -> AsyncIterator[bytes]:
        async for item in stream.items:
            if isinstance(item, Heartbeat):
                yield b"\n"
        yield b"{}"

    headers = {
        "Content-Type": "application/json",
        **locations(request, stream.run, "join"),
    }
    return run_body(request, stream, chunks(), headers, cancel_on_disconnect=False)


def run_body(
    request: Request,
    stream: RunStream,
    chunks: AsyncIterator[bytes],
    headers: Mapping[str, str],
    *,
    cancel_on_disconnect: bool,
    comes_back: bool = True,
) -> StreamingBody:
    """The response of `chunks`, which are made of what comes of the run.

    `comes_back` says whether a client that the server cuts off can join the run again.
    """
    open_streams: OpenStreams = request.app.state.open_streams
    cancel = partial(cancel_abandoned, request, stream.run)
    return StreamingBody(
        chunks,
        headers,
        open_streams=open_streams,
        close=stream.close,
        on_disconnect=cancel if cancel_on_disconnect else None,
        comes_back=comes_back,
    )


async def cancel_abandoned(request: Request, run: Run) -> None:
    """Stop a run whose client has left, unless it is over."""
    with suppress(NotFound):
        await services(request).runs.cancel(run, "interrupt", "client disconnected")


async def _sse_chunks(
    request: Request, stream: RunStream, wanted: EventFilter
) -> AsyncIterator[bytes]:
    begun = False
    async for item in stream.items:
        if isinstance(item, FrameBatch):
            if chunk := b"".join(wanted.of(classic_frames(item.frames))):
                if not begun:
                    begun = True
                    metrics.FIRST_EVENT_SECONDS.observe(measure_of(request.scope).seconds())
                yield chunk
        elif isinstance(item, Gap):
            yield await gap_bytes(item, partial(_current_values, request, stream.run))
        elif isinstance(item, Ended):
            yield await _synthetic_end(request, stream.run)
        elif isinstance(item, QueuePosition):
            waiting = {"run_id": stream.run.run_id, **position_as_json(item)}
            yield sse_bytes("queue", dumps(waiting), None)
        else:
            yield HEARTBEAT


def position_as_json(position: QueuePosition) -> QueueOut:
    """In a stream it is no part of the run's events, and has no id."""
    shown = QueueOut(position=position.ahead, waits_for=position.waits_for)
    if position.due_at is not None:
        shown["due_at"] = position.due_at
    return shown


async def gap_bytes(gap: Gap, current_values: Callable[[], Awaitable[Any]]) -> bytes:
    """Say which events are missing, then give the current values in their place, if there are any
    that can be read."""
    metrics.STREAM_GAPS.inc()
    missing = {"from": gap.after and str(gap.after), "to": gap.until and str(gap.until)}
    event = sse_bytes("gap", dumps(missing), None)
    values = await current_values()
    return event if values is None else event + sse_bytes("values", dumps(values), None)


async def _current_values(request: Request, run: Run) -> Any:
    """None while a run is stateless and executes, when its thread was deleted, or when the values
    cannot be read."""
    try:
        return await services(request).run_streams.current_values(run)
    except RequestError:
        return None


async def _synthetic_end(request: Request, run: Run) -> bytes:
    """The end of a run whose worker died between committing its status and announcing it."""
    status = await services(request).run_streams.final_status(run)
    return sse_bytes("end", dumps({"run_id": run.run_id, "status": status}), None)


async def _result_chunks(request: Request, stream: RunStream) -> AsyncIterator[bytes]:
    async for item in stream.items:
        if isinstance(item, Heartbeat):
            yield b"\n"
    yield dumps(await services(request).run_streams.result(stream.run))
