"""Nudges between processes over one channel of the shared subscribing connection."""

import logging
from collections.abc import AsyncIterator
from uuid import UUID

from joinstream.ports import Signal
from joinstream.streams.redis.connection import RedisConnections
from joinstream.streams.redis.pubsub import RedisPubSub
from joinstream.streams.signal_inbox import WAKE, SignalInbox, cancel_signal

log = logging.getLogger(__name__)

_WAKE_PAYLOAD = b""


class RedisSignals:
    """A `Signals` over a `RedisPubSub` that somebody else starts and stops.

    Nothing raises when Redis is away: what a nudge would speed up happens a little later anyway.
    """

    def __init__(self, connections: RedisConnections, pubsub: RedisPubSub) -> None:
        self._connections = connections
        self._pubsub = pubsub
        self._channel = connections.name("signals")
        self._inboxes: dict[SignalInbox, None] = {}

    async def wake_workers(self) -> None:
        await self._publish(_WAKE_PAYLOAD)

    async def nudge_cancel(self, run_id: UUID) -> None:
        await self._publish(run_id.bytes)

    async def listen(self) -> AsyncIterator[Signal]:
        inbox = SignalInbox()
        first = not self._inboxes
        self._inboxes[inbox] = None
        try:
            if first:
                await self._pubsub.subscribe(self._channel, self)
            else:
                await self._pubsub.confirmed(self._channel)
            while True:
                yield await inbox.get()
        finally:
            del self._inboxes[inbox]
            if not self._inboxes:
                self._pubsub.unsubscribe(self._channel)

    def message(self, payload: bytes) -> None:
        """Part of `Sink`."""
        try:
            signal = cancel_signal(UUID(bytes=payload)) if payload else WAKE
        except ValueError:
            log.error("unreadable signal %r", payload[:40])
            return
        for inbox in self._inboxes:
            inbox.put(signal)

    def missed(self) -> None:
        """Part of `Sink`."""
        for inbox in self._inboxes:
            inbox.put(WAKE)

    async def _publish(self, payload: bytes) -> None:
        try:
            await self._connections.publish(self._channel, payload)
        except ConnectionError as error:
            log.warning("signal lost: %s", error)
