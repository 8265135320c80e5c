"""A TCP proxy whose connections can be cut, and which can turn new ones away."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

_CHUNK = 65_536
_A_STREAM = b"text/event-stream"
_A_RESULT = b"/join\r\n"
"""What is in the head of such a response: of a result, where to join the run again."""


@dataclass
class _Cut:
    """Responses of a kind end after so many bytes of their body, as often as `times` says."""

    kind: bytes
    after: int
    times: float


class _Response:
    """What has come of the answer to the latest request of a connection."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        self._head: bytes | None = b""
        self.kind = b""
        self.length = 0

    def take(self, chunk: bytes) -> int:
        """How many bytes at the end of the chunk are of the body."""
        body = len(chunk)
        if self._head is not None:
            head, end, rest = (self._head + chunk).partition(b"\r\n\r\n")
            if not end:
                self._head = head
                return 0
            self._head, body = None, len(rest)
            self.kind = next((kind for kind in (_A_STREAM, _A_RESULT) if kind in head + end), b"")
        self.length += body
        return body


class CuttingProxy:
    """Stands before one HTTP server; make it with `cutting_proxy`.

    `streamed` is how many bytes the longest stream of events had that was not cut.
    """

    def __init__(self, host: str, port: int) -> None:
        self._target = host, port
        self._open: set[asyncio.StreamWriter] = set()
        self._turns_away = False
        self._turned_away = 0
        self._changed = asyncio.Condition()
        self._cut: _Cut | None = None
        self.streamed = 0
        self.url = ""

    @contextmanager
    def cutting_streams(self, *, after: int, times: float = float("inf")) -> Iterator[None]:
        """Cut streams of events after so many bytes; `times`: no more of them than so many."""
        self._cut = _Cut(_A_STREAM, after, times)
        yield
        self._cut = None

    @contextmanager
    def cutting_results(self, *, after: int, times: float = float("inf")) -> Iterator[None]:
        """The same for what `wait` and `join` answer."""
        self._cut = _Cut(_A_RESULT, after, times)
        yield
        self._cut = None

    def cut(self) -> None:
        """Reset every open connection."""
        for writer in tuple(self._open):
            writer.transport.abort()

    def close_the_door(self) -> None:
        """Cut, and reset every connection that is tried from now on."""
        self._turns_away = True
        self.cut()

    def open_the_door(self) -> None:
        self._turns_away = False

    async def has_turned_away(self, count: int) -> None:
        """Wait for so many connections to have been tried in vain."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._turned_away >= count)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, to its end."""
        if self._turns_away:
            writer.transport.abort()
            async with self._changed:
                self._turned_away += 1
                self._changed.notify_all()
            return
        server_reader, server_writer = await asyncio.open_connection(*self._target)
        self._open |= {writer, server_writer}
        try:
            response = _Response()
            await asyncio.gather(
                self._pass_requests(reader, server_writer, response),
                self._pass_responses(server_reader, writer, response),
            )
        finally:
            self._open -= {writer, server_writer}

    async def _pass_requests(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, response: _Response
    ) -> None:
        with suppress(ConnectionError):
            while chunk := await reader.read(_CHUNK):
                response.begin()
                writer.write(chunk)
                await writer.drain()
        writer.close()

    async def _pass_responses(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, response: _Response
    ) -> None:
        with suppress(ConnectionError):
            while chunk := await reader.read(_CHUNK):
                body = response.take(chunk)
                if (too_much := self._too_much_of(response)) > 0:
                    writer.write(chunk[: len(chunk) - min(body, too_much)])
                    await writer.drain()
                    writer.close()
                    return
                writer.write(chunk)
                await writer.drain()
        writer.close()

    def _too_much_of(self, response: _Response) -> int:
        """By how many bytes it is longer than it may be."""
        if self._cut is None or self._cut.kind != response.kind or self._cut.times <= 0:
            if response.kind == _A_STREAM:
                self.streamed = max(self.streamed, response.length)
            return 0
        too_much = response.length - self._cut.after
        if too_much > 0:
            self._cut.times -= 1
        return too_much


@asynccontextmanager
async def cutting_proxy(url: str) -> AsyncIterator[CuttingProxy]:
    """A proxy on a port of its own to the server at `url`."""
    target = urlsplit(url)
    assert target.hostname is not None
    assert target.port is not None
    proxy = CuttingProxy(target.hostname, target.port)
    listening = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    proxy.url = f"http://127.0.0.1:{port}"
    try:
        yield proxy
    finally:
        proxy.close_the_door()
        listening.close()
