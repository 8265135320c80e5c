"""The one subscribing connection of a process.

::

    subscribe() ──► outgoing commands ──► writer ─┐
                                                  ├─ one connection, owned by one task, which
    sinks ◄─────────── confirmations, messages ◄──┘  connects, reads, and connects again

redis-py's own `PubSub` loses its footing when several tasks use it while it reconnects, so this
works on a bare connection: nobody but the owner's task group touches it.

The connection is trusted only as far as it proves itself: every few seconds a message is published
to a channel of its own, over another connection, and must come back. Every confirmation of a
subscription but the first means that messages may have been missed, and its sink is told so.
"""

import asyncio
import logging
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Protocol, Self
from uuid import uuid4

from redis.asyncio.connection import AbstractConnection

from joinstream.streams.redis.connection import RedisConnections

log = logging.getLogger(__name__)

CONFIRMATION_LIMIT_SECONDS = 2.0
_CONNECT_LIMIT_SECONDS = 5.0
_PING_EVERY_SECONDS = 5.0
_ECHO_LIMIT_SECONDS = 2.0
_FIRST_BACKOFF_SECONDS = 0.02
_MAX_BACKOFF_SECONDS = 2.0


class Sink(Protocol):
    """What receives a channel's messages. Neither method may wait or raise."""

    def message(self, payload: bytes) -> None: ...

    def missed(self) -> None:
        """Messages may have been lost up to now."""
        ...


class _Subscribed:
    __slots__ = ("confirmed", "sink")

    def __init__(self, sink: Sink) -> None:
        self.sink = sink
        self.confirmed = asyncio.get_running_loop().create_future()

    def confirm(self) -> None:
        if self.confirmed.done():
            self.sink.missed()
        else:
            self.confirmed.set_result(None)


class RedisPubSub:
    """Subscriptions that outlive their connection. Use as an async context manager.

    `reconnects` counts the connections that were lost or not had since the start.
    """

    def __init__(self, connections: RedisConnections) -> None:
        self._connections = connections
        self._channels: dict[bytes, _Subscribed] = {}
        self._outgoing: list[tuple[str | bytes, ...]] = []
        self._something_outgoing = asyncio.Event()
        self._ping_channel = connections.name(f"ping:{uuid4()}").encode()
        self._echo = asyncio.Event()
        self._owner: asyncio.Task[None] | None = None
        self._failures = 0
        self._closing = False
        self.reconnects = 0

    async def __aenter__(self) -> Self:
        self._owner = asyncio.create_task(self._stay_connected(), name="redis-pubsub")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._owner is not None
        # A task group whose child fails as it is cancelled forgets the cancellation (CPython
        # before 3.13), so the owner has to be told twice.
        self._closing = True
        self._owner.cancel()
        await asyncio.wait([self._owner])

    async def subscribe(self, channel: str, sink: Sink) -> None:
        """Subscribe the only sink of a channel, and wait for Redis to confirm.

        While Redis is away this gives up waiting after a moment: the sink is told that messages
        may be missing, and again when the confirmation comes.
        """
        subscribed = _Subscribed(sink)
        self._channels[channel.encode()] = subscribed
        self._send("SUBSCRIBE", channel.encode())
        await self.confirmed(channel)

    async def confirmed(self, channel: str) -> None:
        """Wait until a subscribed channel is confirmed, or until that takes too long."""
        subscribed = self._channels[channel.encode()]
        if subscribed.confirmed.done():
            return
        await asyncio.wait([subscribed.confirmed], timeout=CONFIRMATION_LIMIT_SECONDS)
        if not subscribed.confirmed.done():
            subscribed.confirm()
            subscribed.sink.missed()

    def unsubscribe(self, channel: str) -> None:
        if self._channels.pop(channel.encode(), None) is not None:
            self._send("UNSUBSCRIBE", channel.encode())

    def _send(self, verb: str, *channels: bytes) -> None:
        self._outgoing.append((verb, *channels))
        self._something_outgoing.set()

    async def _stay_connected(self) -> None:
        while not self._closing:
            try:
                async with self._connection() as connection:
                    self._failures = 0
                    await self._use(connection)
            except Exception as error:
                self._failures += 1
                self.reconnects += 1
                log.warning("subscribing connection to Redis lost: %s", _cause(error))
                await asyncio.sleep(_backoff(self._failures))

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AbstractConnection]:
        connection = await self._connections.subscriber()
        try:
            async with asyncio.timeout(_CONNECT_LIMIT_SECONDS):
                await connection.connect()  # type: ignore[no-untyped-call]  # as redis-py is
            yield connection
        finally:
            await connection.disconnect(nowait=True)

    async def _use(self, connection: AbstractConnection) -> None:
        """Serve all channels over a fresh connection until something about it fails."""
        self._outgoing = []
        self._send("SUBSCRIBE", self._ping_channel, *self._channels)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._write(connection))
            group.create_task(self._prove_alive())
            await self._read(connection)

    async def _write(self, connection: AbstractConnection) -> None:
        while True:
            await self._something_outgoing.wait()
            self._something_outgoing.clear()
            commands, self._outgoing = self._outgoing, []
            packed = connection.pack_commands(commands)
            await connection.send_packed_command(packed, check_health=False)

    async def _read(self, connection: AbstractConnection) -> None:
        while True:
            kind, channel, content = await connection.read_response(disconnect_on_error=False)
            if kind == b"message":
                self._deliver(channel, content)
            elif kind == b"subscribe" and channel in self._channels:
                self._channels[channel].confirm()

    def _deliver(self, channel: bytes, payload: bytes) -> None:
        if channel == self._ping_channel:
            self._echo.set()
            return
        subscribed = self._channels.get(channel)
        if subscribed is not None:
            subscribed.sink.message(payload)

    async def _prove_alive(self) -> None:
        channel = self._ping_channel.decode()
        while True:
            await asyncio.sleep(_PING_EVERY_SECONDS)
            self._echo.clear()
            async with asyncio.timeout(_ECHO_LIMIT_SECONDS):
                await self._connections.publish(channel, b"")
                await self._echo.wait()


def _cause(error: BaseException) -> BaseException:
    return _cause(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error


def _backoff(failures: int) -> float:
    limit = min(_MAX_BACKOFF_SECONDS, _FIRST_BACKOFF_SECONDS * 2.0**failures)
    return random.uniform(limit / 2, limit)
