"""Frames, open stream backends and readers for tests of the stream path."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import NamedTuple
from uuid import UUID, uuid4

from joinstream.domain.events import EventId, Frame, FrameBatch, FrameKind
from joinstream.ports import EventHub, EventLog, Retention, Signals, Subscription
from joinstream.streams.codec import sse_bytes
from joinstream.streams.join import Cursor, Ended, Gap, Heartbeat, StreamItem, follow
from joinstream.streams.memory import MemoryStreams
from joinstream.streams.redis import (
    RedisConnections,
    RedisEventHub,
    RedisEventLog,
    RedisPubSub,
    RedisSignals,
)
from tests.support.proxy import SilentProxy
from tests.support.redis import RedisServer

MIB = 1024 * 1024
KEPT = Retention(60.0)
UNLOGGED = Retention(60.0, logged=False)


def frame(
    epoch: int,
    k: int,
    run_id: UUID,
    kind: FrameKind | None = None,
    *,
    prev: EventId | None = None,
    size: int = 0,
) -> Frame:
    """The frame a publisher makes: k 0 is METADATA, and `prev` is the one emitted before."""
    if kind is None:
        kind = FrameKind.EVENT if k else FrameKind.METADATA
    id = EventId(epoch, k)
    if prev is None and k:
        prev = EventId(epoch, k - 1)
    body = sse_bytes("values", b'"' + b"x" * size + b'"', id)
    return Frame(id, prev, run_id, kind, "values", 0, body)


def frames(epoch: int, ks: Iterable[int], run_id: UUID, *, end: bool = False) -> list[Frame]:
    made = [frame(epoch, k, run_id) for k in ks]
    if end:
        made[-1] = made[-1]._replace(kind=FrameKind.END)
    return made


class StreamParts(NamedTuple):
    """One open backend."""

    log: EventLog
    hub: EventHub
    signals: Signals


@asynccontextmanager
async def memory_parts(
    *, max_entries: int = 10_000, max_bytes: int = 64 * MIB
) -> AsyncIterator[StreamParts]:
    streams = MemoryStreams(max_entries=max_entries, max_bytes=max_bytes)
    yield StreamParts(streams, streams, streams)


@asynccontextmanager
async def redis_parts(
    server: RedisServer | SilentProxy,
    *,
    cluster: bool = False,
    max_entries: int = 10_000,
    max_bytes: int = 64 * MIB,
) -> AsyncIterator[StreamParts]:
    connections = RedisConnections.open(
        server.url, key_prefix=f"{uuid4().hex[:6]}:", cluster=cluster
    )
    try:
        async with RedisPubSub(connections) as pubsub:
            yield StreamParts(
                RedisEventLog(connections, max_entries=max_entries, max_bytes=max_bytes),
                RedisEventHub(connections, pubsub),
                RedisSignals(connections, pubsub),
            )
    finally:
        await connections.aclose()


class Row:
    """The run's row, as far as a reader asks for it."""

    def __init__(self, *, ended: bool = False) -> None:
        self.ended = ended
        self.begun = False

    async def has_ended(self) -> bool:
        return self.ended

    async def has_begun(self) -> bool:
        return self.begun


class Reader:
    """Follows a stream in a task of its own and keeps what it is given."""

    def __init__(self, items: AsyncIterator[StreamItem]) -> None:
        self.items: list[StreamItem] = []
        self._changed = asyncio.Event()
        self._task = asyncio.create_task(self._collect(items))

    async def _collect(self, items: AsyncIterator[StreamItem]) -> None:
        async for item in items:
            self.items.append(item)
            self._changed.set()

    @property
    def frames(self) -> list[Frame]:
        return [
            frame for item in self.items if isinstance(item, FrameBatch) for frame in item.frames
        ]

    @property
    def ids(self) -> list[str]:
        return [str(frame.id) for frame in self.frames]

    @property
    def gaps(self) -> list[Gap]:
        return [item for item in self.items if isinstance(item, Gap)]

    @property
    def heartbeats(self) -> int:
        return sum(isinstance(item, Heartbeat) for item in self.items)

    @property
    def got_synthetic_end(self) -> bool:
        return any(isinstance(item, Ended) for item in self.items)

    async def until(self, holds: Callable[["Reader"], bool]) -> None:
        while not holds(self):
            self._changed.clear()
            await self._changed.wait()

    async def finish(self) -> "Reader":
        """Wait for the stream to end by itself."""
        await self._task
        return self

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])


@asynccontextmanager
async def reading(
    parts: StreamParts,
    stream: UUID,
    run_id: UUID | None,
    cursor: Cursor,
    has_ended: Callable[[], Awaitable[bool]],
    *,
    has_begun: Callable[[], Awaitable[bool]] | None = None,
    heartbeat: float = 5.0,
    status_every: float = 15.0,
) -> AsyncIterator[Reader]:
    """A reader that has subscribed."""
    async with parts.hub.subscribe(stream) as subscription:
        reader = Reader(
            follow(
                parts.log,
                subscription,
                stream=stream,
                run_id=run_id,
                cursor=cursor,
                has_ended=has_ended,
                has_begun=has_begun,
                heartbeat=heartbeat,
                status_every=status_every,
            )
        )
        try:
            yield reader
        finally:
            await reader.stop()


async def receive_frames(subscription: Subscription, count: int) -> list[Frame]:
    """The next so many frames from a subscription."""
    received: list[Frame] = []
    while len(received) < count:
        batch = await subscription.receive(10.0)
        assert isinstance(batch, FrameBatch), batch
        received += batch.frames
    return received
