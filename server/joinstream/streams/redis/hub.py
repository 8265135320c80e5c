"""Fans the process's subscribing connection out to its readers."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from joinstream.domain.events import FrameBatch
from joinstream.streams.codec import decode_batch
from joinstream.streams.reader_queue import ReaderQueue
from joinstream.streams.redis.connection import RedisConnections
from joinstream.streams.redis.pubsub import RedisPubSub

log = logging.getLogger(__name__)

_LINGER_SECONDS = 5.0
"""How long a channel without readers stays subscribed: clients that reconnect come back soon."""


class _Channel:
    """A thread's readers in this process. A batch is decoded once and shared by all of them."""

    __slots__ = ("farewell", "name", "readers")

    def __init__(self, name: str) -> None:
        self.name = name
        # a dict for its order: readers are served in the order in which they came
        self.readers: dict[ReaderQueue, None] = {}
        self.farewell: asyncio.TimerHandle | None = None

    def message(self, payload: bytes) -> None:
        if not self.readers:
            return
        if not payload:
            for reader in self.readers:
                reader.nudge()
            return
        try:
            batch = FrameBatch.of(decode_batch(payload))
        except ValueError as error:
            log.error("unreadable message on %s: %s", self.name, error)
            self.missed()
            return
        for reader in self.readers:
            reader.put(batch)

    def missed(self) -> None:
        for reader in self.readers:
            reader.mark_dirty()


class RedisEventHub:
    """An `EventHub` over a `RedisPubSub` that somebody else starts and stops."""

    def __init__(
        self,
        connections: RedisConnections,
        pubsub: RedisPubSub,
        *,
        linger_seconds: float = _LINGER_SECONDS,
    ) -> None:
        self._connections = connections
        self._pubsub = pubsub
        self._linger_seconds = linger_seconds
        self._channels: dict[UUID, _Channel] = {}

    @asynccontextmanager
    async def subscribe(self, stream: UUID) -> AsyncIterator[ReaderQueue]:
        queue = ReaderQueue()
        channel = self._channels.get(stream)
        is_new = channel is None
        if channel is None:
            channel = self._channels[stream] = _Channel(self._connections.channel(stream))
        channel.readers[queue] = None
        try:
            if channel.farewell is not None:
                channel.farewell.cancel()
                channel.farewell = None
            if is_new:
                await self._pubsub.subscribe(channel.name, channel)
            else:
                await self._pubsub.confirmed(channel.name)
            yield queue
        finally:
            queue.close()
            del channel.readers[queue]
            if not channel.readers:
                loop = asyncio.get_running_loop()
                channel.farewell = loop.call_later(self._linger_seconds, self._leave, stream)

    def _leave(self, stream: UUID) -> None:
        channel = self._channels.pop(stream)
        self._pubsub.unsubscribe(channel.name)
