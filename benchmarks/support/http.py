"""An HTTP client cheap enough to drive many requests without being the bottleneck itself."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Self, cast

import httptools
import orjson

OnBody = Callable[[bytes], None]


class Connection(asyncio.Protocol):
    """One kept-alive connection, one request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.WriteTransport | None = None
        self._parser: Any = None
        self._answered: asyncio.Future[None] | None = None
        self._on_body: OnBody = _ignore

    @classmethod
    async def open(cls, port: int) -> Self:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(cls, "127.0.0.1", port)
        return connection

    async def post(self, path: str, payload: Mapping[str, Any]) -> Any:
        """The decoded JSON answer. Raises RuntimeError for any status but 2xx."""
        body: list[bytes] = []
        await self.exchange("POST", path, payload, on_body=body.append)
        return orjson.loads(b"".join(body))

    async def get(self, path: str) -> Any:
        """The decoded JSON answer. Raises RuntimeError for any status but 2xx."""
        body: list[bytes] = []
        await self.exchange("GET", path, on_body=body.append)
        return orjson.loads(b"".join(body))

    async def exchange(
        self,
        method: str,
        path: str,
        payload: Mapping[str, Any] | None = None,
        *,
        on_body: OnBody,
    ) -> None:
        """Send a request, hand over the body as it arrives, return at its end."""
        assert self._transport is not None
        content = b"" if payload is None else orjson.dumps(payload)
        self._on_body = on_body
        self._parser = httptools.HttpResponseParser(self)
        self._answered = asyncio.get_running_loop().create_future()
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: joinstream\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        )
        self._transport.write(head.encode() + content)
        await self._answered
        status = self._parser.get_status_code()
        if not 200 <= status < 300:
            raise RuntimeError(f"{method} {path} answered {status}")

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(exc or ConnectionError("closed before the answer ended"))

    def on_body(self, body: bytes) -> None:
        self._on_body(body)

    def on_message_complete(self) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_result(None)


@asynccontextmanager
async def connections(port: int, count: int) -> AsyncIterator[list[Connection]]:
    """`count` open connections to this machine, closed after the body."""
    opened = [await Connection.open(port) for _ in range(count)]
    try:
        yield opened
    finally:
        for connection in opened:
            connection.close()


class Occurrences:
    """Counts a word in a body that arrives in pieces.

    `first_at` is when it first appeared, on the clock of `time.perf_counter`.
    """

    def __init__(self, word: bytes) -> None:
        self._word = word
        self._carried = b""
        self.count = 0
        self.first_at: float | None = None

    def feed(self, piece: bytes) -> None:
        text = self._carried + piece
        found = text.count(self._word)
        if found and self.first_at is None:
            self.first_at = time.perf_counter()
        self.count += found
        # Shorter than the word, so that nothing is counted twice.
        self._carried = text[-(len(self._word) - 1) :]


def _ignore(_: bytes) -> None:
    return None
