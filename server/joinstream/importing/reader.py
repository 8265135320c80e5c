"""Reads one thread of the source, as the official saver would."""

from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, NamedTuple

import asyncpg
from langgraph.checkpoint.base import Checkpoint, CheckpointMetadata, writes_sort_key
from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.checkpoint.serde.types import TASKS

from joinstream.importing.queries import SOURCE

_READ_TOGETHER = 20
"""Checkpoints; each may bring a copy of the whole state."""
_FIRST_WITHOUT_PENDING_SENDS = 4
"""The checkpoint format since which sends are a channel, not writes of the parent."""

_Key = tuple[str, str, str]
"""Namespace, channel and version of a value."""


class Write(NamedTuple):
    """What a task wrote to a channel."""

    task_id: str
    task_path: str
    idx: int
    channel: str
    value: Any


class SourceCheckpoint(NamedTuple):
    """A checkpoint with the writes that were made at it, in the order in which they apply."""

    checkpoint_ns: str
    parent_id: str | None
    checkpoint: Checkpoint
    metadata: CheckpointMetadata
    writes: Sequence[Write]


class Outline(NamedTuple):
    """What can be told of a thread without reading it.

    `metadata` is that of the root graph's newest checkpoint; times are in ISO format; the counts
    are over all namespaces.
    """

    metadata: dict[str, Any] | None
    began: str
    ended: str
    checkpoints: int
    writes: int


class ThreadReader:
    """One thread, within one transaction."""

    def __init__(
        self, connection: asyncpg.Connection, serde: SerializerProtocol, thread_id: str
    ) -> None:
        self._connection = connection
        self._serde = serde
        self._thread_id = thread_id
        self._values: dict[_Key, Any] = {}

    async def outline(self) -> Outline:
        return Outline(*(await self._fetch("outline"))[0])

    async def oldest_first(self) -> AsyncIterator[SourceCheckpoint]:
        """Every checkpoint, after its parent."""
        place = ("", "")
        while rows := await self._fetch("checkpoints", *place, _READ_TOGETHER):
            for found in await self._assemble(rows):
                yield found
            place = (rows[-1]["checkpoint_id"], rows[-1]["checkpoint_ns"])

    async def newest_of_each_namespace(self) -> AsyncIterator[SourceCheckpoint]:
        after = None
        while rows := await self._fetch("heads", after, _READ_TOGETHER):
            for found in await self._assemble(rows):
                yield found
            after = rows[-1]["checkpoint_ns"]

    async def _assemble(self, rows: Sequence[asyncpg.Record]) -> list[SourceCheckpoint]:
        await self._load_values(rows)
        writes = await self._writes([(row["checkpoint_ns"], row["checkpoint_id"]) for row in rows])
        sends = await self._sends_of_parents(rows)
        return [
            self._checkpoint(
                row,
                writes[row["checkpoint_ns"], row["checkpoint_id"]],
                sends[row["checkpoint_ns"], row["parent_checkpoint_id"]],
            )
            for row in rows
        ]

    def _checkpoint(
        self, row: asyncpg.Record, writes: Sequence[Write], sends: Sequence[Write]
    ) -> SourceCheckpoint:
        checkpoint = dict(row["checkpoint"])
        values = dict(checkpoint.get("channel_values") or {})
        values |= {
            channel: self._values[row["checkpoint_ns"], channel, version]
            for channel, version in _versions(checkpoint)
            if (row["checkpoint_ns"], channel, version) in self._values
        }
        checkpoint["channel_values"] = values
        if sends and _is_of_old_format(checkpoint):
            versions = checkpoint["channel_versions"]
            values[TASKS] = [send.value for send in sends]
            checkpoint["channel_versions"] = {**versions, TASKS: max(versions.values())}
        # Also the official saver has stopped to store them.
        metadata = {key: value for key, value in row["metadata"].items() if key != "writes"}
        return SourceCheckpoint(
            row["checkpoint_ns"],
            row["parent_checkpoint_id"],
            checkpoint,  # type: ignore[arg-type]  # as JSON gives it
            metadata,  # type: ignore[arg-type]  # likewise
            writes,
        )

    async def _load_values(self, rows: Sequence[asyncpg.Record]) -> None:
        """Have the values of these checkpoints at hand, and no others."""
        wanted = {
            (row["checkpoint_ns"], channel, version)
            for row in rows
            for channel, version in _versions(row["checkpoint"])
        }
        self._values = {key: self._values[key] for key in wanted & self._values.keys()}
        missing = sorted(wanted - self._values.keys())
        found = await self._fetch("blobs", *_columns(missing, 3))
        for namespace, channel, version, kind, blob in found:
            self._values[namespace, channel, version] = self._serde.loads_typed((kind, blob))

    async def _writes(
        self, places: Sequence[tuple[str, str]]
    ) -> Mapping[tuple[str, str], list[Write]]:
        writes: dict[tuple[str, str], list[Write]] = defaultdict(list)
        for row in await self._fetch("writes", *_columns(places, 2)):
            value = self._serde.loads_typed((row["type"], row["blob"]))
            writes[row["checkpoint_ns"], row["checkpoint_id"]].append(
                Write(row["task_id"], row["task_path"], row["idx"], row["channel"], value)
            )
        for made in writes.values():
            made.sort(key=lambda write: writes_sort_key(write.task_path, write.task_id, write.idx))
        return writes

    async def _sends_of_parents(
        self, rows: Sequence[asyncpg.Record]
    ) -> Mapping[tuple[str, str], list[Write]]:
        """What the parents of checkpoints of an old format sent to nodes."""
        places = {
            (row["checkpoint_ns"], row["parent_checkpoint_id"])
            for row in rows
            if row["parent_checkpoint_id"] and _is_of_old_format(row["checkpoint"])
        }
        writes = await self._writes(sorted(places)) if places else {}
        sends: dict[tuple[str, str], list[Write]] = defaultdict(list)
        for place, made in writes.items():
            sends[place] = [write for write in made if write.channel == TASKS]
        return sends

    async def _fetch(self, query: str, *arguments: Any) -> list[asyncpg.Record]:
        rows: list[asyncpg.Record] = await self._connection.fetch(
            SOURCE[query], self._thread_id, *arguments
        )
        return rows


def _versions(checkpoint: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Channels with their versions as text, which is how values are filed."""
    return [(channel, str(version)) for channel, version in checkpoint["channel_versions"].items()]


def _is_of_old_format(checkpoint: Mapping[str, Any]) -> bool:
    return bool(checkpoint["v"] < _FIRST_WITHOUT_PENDING_SENDS)


def _columns(rows: Sequence[tuple[str, ...]], count: int) -> list[list[str]]:
    return [[row[position] for row in rows] for position in range(count)]
