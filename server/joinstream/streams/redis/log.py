"""The event log as a Redis stream per thread."""

from collections.abc import Sequence
from importlib.resources import files
from typing import Any
from uuid import UUID

from joinstream.domain.events import EventId, Frame, FrameKind
from joinstream.ports import AppendOutcome, LogPage, Retention
from joinstream.streams.codec import decode_frame, encode_batch, encode_frame
from joinstream.streams.redis.connection import RedisConnections, answer

_MIB = 1024 * 1024
_PAGE_BYTES = _MIB
_INLINE_BYTES = 256 * 1024
"""Larger bodies are not published; Redis disconnects subscribers with 32 MB waiting for them."""
_TRACKED_STREAMS = 10_000
_CHECK_KEPT_SECONDS = 60


class RedisEventLog:
    """An `EventLog`. Bounds are per thread, and soft: they may be passed by a few percent."""

    def __init__(
        self,
        connections: RedisConnections,
        *,
        max_entries: int = 10_000,
        max_bytes: int = 64 * _MIB,
    ) -> None:
        self._connections = connections
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._written_since_look: dict[UUID, int] = {}
        script = connections.client.register_script
        self._append = script(_source("append.lua"))
        self._read = script(_source("read.lua"))
        self._first_of_run = script(_source("first_of_run.lua"))

    async def append(
        self, stream: UUID, frames: Sequence[Frame], retention: Retention
    ) -> AppendOutcome:
        if not retention.logged:
            await self._connections.publish(self._connections.channel(stream), encode_batch(frames))
            return "appended"
        encoded: list[str | bytes] = []
        for frame in frames:
            encoded += (str(frame.id), encode_frame(frame))
        most_bytes = self._max_bytes if self._time_to_look(stream, frames) else 0
        outcome = await self._run_append(stream, retention, most_bytes, encoded)
        return "stale" if outcome == b"stale" else "appended"

    async def read(self, stream: UUID, after: EventId | None, limit: int = 500) -> LogPage:
        start = "-" if after is None else f"({after}"
        key = self._connections.log_key(stream)
        more, *entries = await answer(self._read([key], [start, limit, _PAGE_BYTES]))
        return LogPage([decode_frame(entry) for entry in entries], bool(more))

    async def first_of_run(self, stream: UUID, run_id: UUID) -> Frame | None:
        key = self._connections.log_key(stream)
        found = await answer(self._first_of_run([key], [run_id.bytes]))
        return None if found is None else decode_frame(found)

    async def top(self, stream: UUID) -> EventId | None:
        key = self._connections.log_key(stream)
        newest: Any = await answer(self._connections.client.xrevrange(key, count=1))
        return EventId.parse(newest[0][0].decode()) if newest else None

    async def touch(self, stream: UUID, retention: Retention) -> None:
        if retention.logged:
            await self._run_append(stream, retention, 0, [])

    async def check(self) -> None:
        key = self._connections.name("writable")
        await answer(self._connections.client.set(key, b"", ex=_CHECK_KEPT_SECONDS))

    async def nudge(self, stream: UUID) -> None:
        try:
            await self._connections.publish(self._connections.channel(stream), b"")
        except ConnectionError:
            return  # readers look at the row on the clock, too

    async def _run_append(
        self, stream: UUID, retention: Retention, most_bytes: int, encoded: list[str | bytes]
    ) -> Any:
        connections = self._connections
        ttl_ms = max(1, round(retention.seconds * 1000))
        bounds = (ttl_ms, self._max_entries, most_bytes, _INLINE_BYTES)
        arguments = [connections.channel(stream), *bounds, *encoded]
        return await answer(self._append([connections.log_key(stream)], arguments))

    def _time_to_look(self, stream: UUID, frames: Sequence[Frame]) -> bool:
        """Whether this writer added so much that the log's size in memory is worth a look."""
        written = self._written_since_look.pop(stream, 0) + sum(len(f.body) for f in frames)
        if written >= self._max_bytes // 16:
            return True
        if frames and frames[-1].kind is not FrameKind.END:
            if len(self._written_since_look) >= _TRACKED_STREAMS:
                self._written_since_look.clear()
            self._written_since_look[stream] = written
        return False


def _source(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")
