"""A TCP proxy before Postgres that fails at a statement of one's choice.

It follows the protocol just far enough to know when a client has a statement executed and when the
server is done with it.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qs, urlsplit

Fault = Literal["lost", "unanswered"]
"""`lost`: the statement never reaches Postgres. `unanswered`: it takes effect, but the client does
not learn of it. Either way the connection is cut."""

_CHUNK = 65_536
_EXECUTE = ord("E")
_READY_FOR_QUERY = b"Z\x00\x00\x00\x05"


class StatementProxy:
    """Stands before one Postgres; make it with `statement_proxy`."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._fault: Fault = "lost"
        self._wait_for = 0
        self._stays_down = False
        self._down = False
        self._open: set[asyncio.StreamWriter] = set()
        self.struck = asyncio.Event()
        self.uri = ""

    def strike_at(self, number: int, fault: Fault, *, stay_down: bool = False) -> None:
        """Fail at the `number`-th statement from now; with `stay_down`, at all that come later."""
        self.struck.clear()
        self._wait_for, self._fault, self._stays_down = number, fault, stay_down

    def be_whole(self) -> None:
        """No further fault, and no end to the one that there was before now."""
        self._wait_for, self._down = 0, False

    def abort_all(self) -> None:
        for writer in tuple(self._open):
            writer.transport.abort()

    async def serve(self, client: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        """One connection, to its end."""
        if self._down:
            back.transport.abort()
            return
        server, forth = await asyncio.open_unix_connection(self._socket)
        self._open |= {back, forth}
        connection = _Connection(self, client, forth, server, back)
        try:
            await connection.run()
        finally:
            self._open -= {back, forth}
            back.transport.abort()
            forth.transport.abort()

    def next_fault(self) -> Fault | None:
        """The fault of the statement that now comes."""
        if self._wait_for == 0:
            return None
        self._wait_for -= 1
        if self._wait_for:
            return None
        self._down = self._stays_down
        return self._fault

    def has_struck(self) -> None:
        self.struck.set()
        if self._down:
            self.abort_all()


class _Connection:
    def __init__(
        self,
        proxy: StatementProxy,
        client: asyncio.StreamReader,
        forth: asyncio.StreamWriter,
        server: asyncio.StreamReader,
        back: asyncio.StreamWriter,
    ) -> None:
        self._proxy = proxy
        self._client, self._forth = client, forth
        self._server, self._back = server, back
        self._fault: Fault | None = None

    async def run(self) -> None:
        """Returns when either side has gone or the fault has struck."""
        pumps = [asyncio.create_task(self._ask()), asyncio.create_task(self._answer())]
        _, pending = await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for pump in pending:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
        if self._fault is not None:
            self._proxy.has_struck()

    async def _ask(self) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            length = await self._client.readexactly(4)
            self._forth.write(length + await self._rest(length))
            while True:
                head = await self._client.readexactly(5)
                message = head + await self._rest(head[1:])
                if head[0] == _EXECUTE and self._fault is None:
                    self._fault = self._proxy.next_fault()
                    if self._fault == "lost":
                        return
                self._forth.write(message)
                await self._forth.drain()

    async def _rest(self, length: bytes) -> bytes:
        return await self._client.readexactly(int.from_bytes(length, "big") - 4)

    async def _answer(self) -> None:
        with suppress(ConnectionError):
            said = b""
            while chunk := await self._server.read(_CHUNK):
                if self._fault is None:
                    self._back.write(chunk)
                    await self._back.drain()
                    continue
                said = said[-6:] + chunk
                if said[-6:-1] == _READY_FOR_QUERY:
                    return


@asynccontextmanager
async def statement_proxy(database_uri: str) -> AsyncIterator[StatementProxy]:
    """A proxy to the Postgres behind a Unix socket; its `uri` names the same database."""
    target = urlsplit(database_uri)
    folder = parse_qs(target.query)["host"][0]
    proxy = StatementProxy(Path(folder) / f".s.PGSQL.{target.port or 5432}")
    listening = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    proxy.uri = f"postgresql://{target.username}@127.0.0.1:{port}{target.path}?sslmode=disable"
    try:
        yield proxy
    finally:
        proxy.abort_all()
        listening.close()
