"""The event-streaming protocol over a WebSocket: commands and events on one connection.

One task follows the thread from now on and sends each event once, if any subscription wants it. A
new subscription gets the log first, up to where that task stands, then its answer; a lock keeps the
two apart.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Any

import structlog
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState
from uuid_utils.compat import uuid7

from joinstream.domain.events import EventId
from joinstream.domain.ids import ThreadId
from joinstream.encoding import dumps
from joinstream.errors import NotFound, RequestError, Unprocessable
from joinstream.event_streaming.filters import ChannelFilter
from joinstream.event_streaming.sequence import comes_after, seq_of
from joinstream.http.event_streams import misses, resume_gap
from joinstream.http.header_selection import for_graphs
from joinstream.http.origins import require_known_page
from joinstream.http.parse import parsed, path_uuid, validated
from joinstream.http.schemas.event_streams import (
    CommandIn,
    Reconnection,
    Subscription,
    Unsubscription,
)
from joinstream.http.services import services
from joinstream.http.sse import WRITE_TIMEOUT_SECONDS
from joinstream.http.thread_commands import Commands, refused, refused_by_request, succeeded
from joinstream.observe import metrics
from joinstream.services.thread_commands import CommandRefused
from joinstream.services.thread_events import CaughtUp, EventStream
from joinstream.streams.codec import data_of
from joinstream.streams.join import Gap

log = structlog.get_logger(__name__)

CLOSE_NOT_TEXT = 1003
CLOSE_FAILED = 1011
CLOSE_RESTARTING = 1012
CLOSE_STATUS = 4000
"""Plus the HTTP status that the same request would have got."""
MOST_NAMESPACES = 1000
"""In all subscriptions of a connection together: each event is compared with every one of them."""


class EventSocket:
    """One connection to a thread."""

    def __init__(self, websocket: WebSocket, commands: Commands, stream: EventStream) -> None:
        self._websocket = websocket
        self._commands = commands
        self._stream = stream
        self._subscriptions: dict[str, ChannelFilter] = {}
        self._lock = asyncio.Lock()
        self._serving: asyncio.Task[None] | None = None

    def interrupt(self) -> None:
        """The server stops: the client is to come back elsewhere."""
        if self._serving is not None:
            self._serving.cancel()

    async def serve(self) -> None:
        """Until the client leaves, or the server stops."""
        following = asyncio.create_task(self._follow(), name="event socket")
        self._serving = asyncio.create_task(self._answer_commands())
        tasks = {following, self._serving}
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
            await self._stream.close()
        if self._websocket.client_state is WebSocketState.CONNECTED:
            is_gone = not following.cancelled() and following.exception() is None
            failures = [each for each in outcomes if isinstance(each, Exception)]
            await self._close(CLOSE_STATUS + NotFound.status if is_gone else None, failures)

    async def _close(self, code: int | None, failures: Sequence[Exception]) -> None:
        for failure in failures:
            log.warning("event socket failed", exc_info=failure)
        with suppress(RuntimeError, OSError):
            await self._websocket.close(code or (CLOSE_FAILED if failures else CLOSE_RESTARTING))

    async def _follow(self) -> None:
        async for item in self._stream.items():
            async with self._lock:
                if isinstance(item, list):
                    for told in item:
                        asked = self._subscriptions.values()
                        if any(self._stream.sends(told, each) for each in asked):
                            await self._send(data_of(told.body))
                elif isinstance(item, Gap) and self._subscriptions:
                    metrics.STREAM_GAPS.inc()
                    await self._send(dumps(resume_gap(item, None)))

    async def _answer_commands(self) -> None:
        with suppress(WebSocketDisconnect):
            while True:
                text = await self._next_text()
                await self._send(dumps(await self._answer(text)))

    async def _next_text(self) -> str:
        """Raises WebSocketDisconnect, also after it has closed on what is no text."""
        message = await self._websocket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message["code"], message.get("reason"))
        if message.get("text") is None:
            await self._websocket.close(CLOSE_NOT_TEXT, "Commands are JSON in frames of text.")
            raise WebSocketDisconnect(CLOSE_NOT_TEXT)
        text: str = message["text"]
        return text

    async def _answer(self, text: str) -> dict[str, Any]:
        command_id = None
        try:
            command = validated(parsed(text.encode(), "The frame"), CommandIn)
            command_id = command.id
            match command.method:
                case "subscription.subscribe":
                    asked = validated(command.params, Subscription)
                    return await self._subscribe(command.id, asked, str(uuid7()))
                case "subscription.reconnect":
                    again = validated(command.params, Reconnection)
                    name = again.subscription_id or str(uuid7())
                    return await self._subscribe(command.id, again, name, must_be_whole=True)
                case "subscription.unsubscribe":
                    return self._unsubscribe(command)
                case _:
                    return await self._commands.carry_out(command)
        except CommandRefused as refusal:
            return refused(command_id, refusal)
        except Unprocessable as error:
            return refused(command_id, CommandRefused("invalid_argument", error.detail))
        except RequestError as error:
            return refused_by_request(command_id, error)
        except (WebSocketDisconnect, TimeoutError, OSError):
            raise
        except Exception:
            log.exception("command failed")
            why = "Internal error; the server's log has the cause."
            return refused(command_id, CommandRefused("unknown_error", why))

    async def _subscribe(
        self, command_id: int, body: Subscription, name: str, *, must_be_whole: bool = False
    ) -> dict[str, Any]:
        asked = body.filter()
        async with self._lock:
            self._require_room(name, asked)
            replayed = 0
            async for item in self._replay(asked):
                if isinstance(item, Gap):
                    gap = resume_gap(item, asked.since)
                    if must_be_whole:
                        return {**gap, "id": command_id}
                    await self._send(dumps(gap))
                else:
                    replayed += 1
                    await self._send(data_of(item))
            self._subscriptions[name] = asked
        result = {"subscription_id": name, "replayed_events": replayed}
        here = self._here()
        return succeeded(command_id, result, seq_of(here) if here else 0)

    def _require_room(self, name: str, asked: ChannelFilter) -> None:
        others = [each for other, each in self._subscriptions.items() if other != name]
        if sum(len(each.namespaces) or 1 for each in (*others, asked)) > MOST_NAMESPACES:
            raise CommandRefused(
                "invalid_argument",
                f"The subscriptions of a connection may name {MOST_NAMESPACES} namespaces "
                "together; one that names none counts as one. End some of them first.",
            )

    async def _replay(self, asked: ChannelFilter) -> AsyncIterator[bytes | Gap]:
        """What the log holds of the past of this connection; a Gap where it no longer does."""
        here = self._here()
        stream = await self._commands.services.thread_events.open(self._commands.thread_id)
        try:
            async for item in stream.items_for(asked, may_wait=False):
                if isinstance(item, list):
                    for told in item:
                        if here is not None and not comes_after(told.seq, seq_of(here)):
                            yield told.body
                elif isinstance(item, Gap) and misses(item, asked):
                    yield item
                elif isinstance(item, CaughtUp):
                    return
        finally:
            await stream.close()

    def _here(self) -> EventId | None:
        """What was told last on this connection, or would have been, had anybody asked for it."""
        return self._stream.last or self._stream.top

    def _unsubscribe(self, command: CommandIn) -> dict[str, Any]:
        name = validated(command.params, Unsubscription).subscription_id
        if self._subscriptions.pop(name, None) is None:
            raise CommandRefused("no_such_subscription", f"There is no subscription {name}.")
        here = self._here()
        return succeeded(command.id, {}, seq_of(here) if here else 0)

    async def _send(self, json: bytes) -> None:
        async with asyncio.timeout(WRITE_TIMEOUT_SECONDS):
            await self._websocket.send_text(json.decode())


async def event_socket(websocket: WebSocket) -> None:
    """The endpoint. What would be refused over HTTP is closed with 4000 and the status."""
    await websocket.accept()
    try:
        require_known_page(websocket)
        thread_id = ThreadId(path_uuid(websocket, "thread_id"))
        stream = await services(websocket).thread_events.open(thread_id, from_now=True)
    except RequestError as error:
        await websocket.close(CLOSE_STATUS + error.status, error.detail[:120])
        return
    commands = Commands(services(websocket), thread_id, for_graphs(websocket))
    socket = EventSocket(websocket, commands, stream)
    open_streams = websocket.app.state.open_streams
    open_streams.add(socket)
    try:
        await socket.serve()
    finally:
        open_streams.remove(socket)


routes: list[WebSocketRoute] = [
    WebSocketRoute("/threads/{thread_id}/stream/events", event_socket),
]
