"""Server-sent events as an ASGI response: frames go out as the worker wrote them.

No JSON is touched here. A batch of frames is one write; a reader that accepts nothing for 30 s is
closed, so that a dead connection cannot hold memory.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Protocol

import anyio
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

WRITE_TIMEOUT_SECONDS = 30.0
HEARTBEAT = b": heartbeat\n\n"

STREAM_HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",
}

OnDisconnect = Callable[[], Awaitable[None]]


CUT_OFF = "joinstream.cut_off"
"""Where a request's scope has what to call before its response is left incomplete."""


class ResponseCutOff(Exception):
    """Raised in a response that cannot go on, so that nothing around it takes it for complete."""


class CutOffs:
    """Middleware around that of others, which would complete what is left incomplete."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        cut = False

        def cut_off() -> None:
            nonlocal cut
            cut = True

        async def send_unless_cut(message: Message) -> None:
            if cut:
                raise ResponseCutOff
            await send(message)

        await self._app({**scope, CUT_OFF: cut_off}, receive, send_unless_cut)


class OpenStream(Protocol):
    """What stays open for as long as its client likes."""

    def interrupt(self) -> None: ...


class OpenStreams:
    """Every response of this process that stays open; closed together when the server stops."""

    def __init__(self) -> None:
        self._streams: set[OpenStream] = set()

    def add(self, stream: OpenStream) -> None:
        self._streams.add(stream)

    def remove(self, stream: OpenStream) -> None:
        self._streams.discard(stream)

    def __len__(self) -> int:
        return len(self._streams)

    def close(self) -> None:
        """Cut every one off, so that its client comes back."""
        for stream in self._streams:
            stream.interrupt()


class StreamingBody(Response):
    """A response whose chunks come from an iterator, for as long as the client stays.

    `close` is awaited however the response ends; `on_disconnect` when the client left first, or was
    cut off without being one that `comes_back`.
    """

    def __init__(
        self,
        chunks: AsyncIterator[bytes],
        headers: Mapping[str, str],
        *,
        open_streams: OpenStreams,
        close: Callable[[], Awaitable[None]],
        on_disconnect: OnDisconnect | None = None,
        comes_back: bool = True,
    ) -> None:
        self.status_code = 200
        self.background = None
        self.init_headers(headers)
        self._chunks = chunks
        self._open_streams = open_streams
        self._close = close
        self._on_disconnect = on_disconnect
        self._comes_back = comes_back
        self._sender: asyncio.Task[None] | None = None
        self._interrupted = False
        self._ending = False
        self._client_left = False

    def interrupt(self) -> None:
        """Stop sending. The response is cut off: completed, half of it could pass for the whole,
        while clients answer a cut by joining again."""
        self._interrupted = True
        if self._sender is not None and not self._ending:
            self._sender.cancel()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._open_streams.add(self)
        watcher = asyncio.create_task(self._watch(receive))
        try:
            await send(
                {
                    "type": "http.response.start",
                    "status": self.status_code,
                    "headers": self.raw_headers,
                }
            )
            await self._send_until_interrupted(send)
        except ResponseCutOff:
            if CUT_OFF in scope:
                scope[CUT_OFF]()
            raise
        finally:
            watcher.cancel()
            self._open_streams.remove(self)
            # a middleware that gives us up cancels whatever we await, again and again
            with anyio.CancelScope(shield=True):
                await self._finish()

    async def _finish(self) -> None:
        await self._close()
        is_gone = self._client_left or not (self._ending or self._comes_back)
        if is_gone and self._on_disconnect is not None:
            await self._on_disconnect()

    async def _watch(self, receive: Receive) -> None:
        """Wait for the client to leave; what it still sends of its request is of no interest.

        Once the last bytes are on their way, middleware may say so of a client that is still there.
        """
        while (await receive())["type"] != "http.disconnect":
            pass
        if not self._ending:
            self._client_left = True
            self.interrupt()

    async def _send_until_interrupted(self, send: Send) -> None:
        if not self._interrupted:
            self._sender = asyncio.create_task(self._send_chunks(send))
            try:
                await self._sender
                return
            except asyncio.CancelledError:
                if not self._interrupted:
                    self._sender.cancel()
                    raise
            except TimeoutError:
                raise ResponseCutOff from None  # the reader accepts no bytes
        if not self._client_left:
            raise ResponseCutOff
        await self._end(send)

    async def _send_chunks(self, send: Send) -> None:
        async for chunk in self._chunks:
            async with asyncio.timeout(WRITE_TIMEOUT_SECONDS):
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await self._end(send)

    async def _end(self, send: Send) -> None:
        self._ending = True
        await send({"type": "http.response.body", "body": b"", "more_body": False})
