"""A TCP proxy whose connections can be cut, and which can turn new ones away."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

_CHUNK = 65_536


class CuttingProxy:
    """Stands before one HTTP server; make it with `cutting_proxy`."""

    def __init__(self, host: str, port: int) -> None:
        self._target = host, port
        self._open: set[asyncio.StreamWriter] = set()
        self._turns_away = False
        self._turned_away = 0
        self._changed = asyncio.Condition()
        self.url = ""

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
            await asyncio.gather(
                self._pass_on(reader, server_writer), self._pass_on(server_reader, writer)
            )
        finally:
            self._open -= {writer, server_writer}

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while chunk := await reader.read(_CHUNK):
                writer.write(chunk)
                await writer.drain()
        writer.close()


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
