"""A proxy between a client and a server whose connections can fall silent without closing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory


class SilentProxy:
    """Passes bytes on, except those for clients that were cut off from what the server says."""

    def __init__(self, target: Path, socket: Path) -> None:
        self._target = target
        self._socket = socket
        self._open: set[asyncio.StreamWriter] = set()
        self._silenced: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        return f"unix://{self._socket}"

    def silence(self) -> None:
        """From now on, those who are connected hear nothing; those who come later do."""
        self._silenced |= self._open

    async def serve(self, client: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        server, forth = await asyncio.open_unix_connection(self._target)
        self._open.add(back)
        tasks = [
            asyncio.create_task(self._pump(client, forth)),
            asyncio.create_task(self._pump(server, back)),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._open.discard(back)
            for task in tasks:
                task.cancel()
            forth.close()
            back.close()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while chunk := await source.read(65536):
            if sink not in self._silenced:
                sink.write(chunk)
                await sink.drain()


@asynccontextmanager
async def silent_proxy(target: Path) -> AsyncIterator[SilentProxy]:
    with TemporaryDirectory(prefix="jsp-") as folder:
        socket = Path(folder) / "proxy.sock"
        proxy = SilentProxy(target, socket)
        server = await asyncio.start_unix_server(proxy.serve, socket)
        try:
            yield proxy
        finally:
            server.close()
