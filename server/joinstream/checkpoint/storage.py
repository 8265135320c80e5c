"""Measures what a thread's checkpoints take, channel by channel.

Only the checkpoints themselves know which channel a log of parts belongs to, so each is decoded;
its values are not.
"""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import asyncpg
from langgraph.checkpoint.serde.base import SerializerProtocol

from joinstream.checkpoint.reading import read_body
from joinstream.domain.ids import ThreadId
from joinstream.domain.storage import ChannelRoom, OneChannelsRoom, Room, ThreadStorage
from joinstream.sql import load_queries

_QUERIES = load_queries(Path(__file__).parent / "storage.sql")
_READ_TOGETHER = 200


@dataclass
class _Tally:
    """Things of several kinds, counted and weighed."""

    counts: Counter[str] = field(default_factory=Counter)
    weights: Counter[str] = field(default_factory=Counter)

    def add(self, kind: str, count: int, weight: int) -> None:
        self.counts[kind] += count
        self.weights[kind] += weight

    def rooms(self) -> dict[str, OneChannelsRoom]:
        return {
            kind: OneChannelsRoom(self.counts[kind], self.weights[kind])
            for kind in sorted(self.counts)
        }


async def measure_thread(
    pool: asyncpg.Pool, serde: SerializerProtocol, thread_id: UUID
) -> ThreadStorage:
    """Everything as of one moment."""
    async with (
        pool.acquire() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        channels = _Tally()
        channel_of: dict[int, str] = {}
        checkpoints = Room(0, 0)
        rows = connection.cursor(_QUERIES["bodies"], thread_id, prefetch=_READ_TOGETHER)
        async for row in rows:
            inline = _look_into(serde, row, channels, channel_of)
            checkpoints = Room(checkpoints.count + 1, checkpoints.bytes + row["bytes"] - inline)
        own = await connection.fetchrow(_QUERIES["writes"], thread_id)
        writes = Room(own["count"], own["bytes"])
        for log, count, weight in await connection.fetch(_QUERIES["logs"], thread_id):
            if log in channel_of:
                channels.add(channel_of[log], count, weight)
            else:
                writes = Room(writes.count, writes.bytes + weight)
    return _summed_up(thread_id, checkpoints, channels, writes)


def _look_into(
    serde: SerializerProtocol,
    row: asyncpg.Record,
    channels: _Tally,
    channel_of: dict[int, str],
) -> int:
    """Note which logs are which channel's, and what lies within the checkpoint: its bytes."""
    inline = 0
    for channel, stored in read_body(serde, row).values.items():
        channel_of.update((run.log, channel) for run in stored.runs)
        if stored.rest is not None:
            channels.add(channel, 1, len(stored.rest[1]))
            inline += len(stored.rest[1])
    return inline


def _summed_up(thread_id: UUID, checkpoints: Room, channels: _Tally, writes: Room) -> ThreadStorage:
    values = ChannelRoom(channels.counts.total(), channels.weights.total(), channels.rooms())
    return ThreadStorage(
        ThreadId(thread_id),
        checkpoints.bytes + values.bytes + writes.bytes,
        checkpoints,
        values,
        writes,
    )
