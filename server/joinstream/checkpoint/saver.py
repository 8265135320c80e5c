"""The saver: LangGraph's checkpointer interface, asynchronous half."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from random import random
from typing import Any
from uuid import UUID

import asyncpg
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    DeltaChannelHistory,
)
from langgraph.checkpoint.serde.base import SerializerProtocol

from joinstream.checkpoint.databases import database_for
from joinstream.checkpoint.entries import CheckpointEntry, WritesEntry
from joinstream.checkpoint.history import read_history
from joinstream.checkpoint.known import Known, Memory, Place
from joinstream.checkpoint.loops import at_home, ids_to_be_given
from joinstream.checkpoint.outbox import Batch, Outbox
from joinstream.checkpoint.queries import QUERIES
from joinstream.checkpoint.reading import Loaded, read_parts
from joinstream.checkpoint.retention import Retention
from joinstream.checkpoint.statement import Writer
from joinstream.checkpoint.synchronous import SynchronousMethods
from joinstream.domain.ids import thread_key
from joinstream.encryption.fields import FieldCipher

_PAGE = 16
"""Checkpoints read at a time when a thread's history is listed."""


@dataclass(frozen=True, slots=True)
class Fence:
    """The attempt of a run on whose behalf is written: its row must still say so."""

    run_id: UUID
    epoch: int


class PostgresSaver(SynchronousMethods):
    """Checkpoints in Postgres. Cheap: make one for each run or request, on a running event loop.

    On a connection instead of a pool it works within that connection's transaction. Writes raise
    LeaseLost when fenced and stale, Unserializable for values that cannot be stored, Unavailable
    when Postgres is away.
    """

    def __init__(
        self,
        executor: asyncpg.Pool | asyncpg.Connection,
        *,
        fence: Fence | None = None,
        serde: SerializerProtocol | None = None,
        fields: FieldCipher | None = None,
    ) -> None:
        super().__init__(serde=serde)
        self._fields = fields
        self.home = asyncio.get_running_loop()
        owner = (fence.run_id, fence.epoch) if fence else (None, None)
        self._database = database_for(executor, patient=fence is not None)
        self._retention = Retention(executor, *owner)
        self._writer = Writer(self._database, *owner)
        self._outbox = Outbox(self._store)
        self._memory = Memory()

    def get_next_version(self, current: Any, channel: None) -> Any:
        """Counts in integers; a thread that came from another saver goes on in that one's texts."""
        if isinstance(current, str):
            return f"{int(current.split('.')[0]) + 1:032}.{random():016}"
        return super().get_next_version(current, channel)

    @at_home
    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        await ids_to_be_given()  # nothing overtakes the writes before it
        base = await self._known(config)
        entry = CheckpointEntry(self.serde, config, checkpoint, metadata, new_versions, base)
        if self._fields is not None:
            entry.metadata = await self._fields.seal("checkpoint", "metadata", entry.metadata)
        await self._outbox.store(entry)
        return {
            "configurable": {
                "thread_id": config["configurable"]["thread_id"],
                "checkpoint_ns": entry.place.checkpoint_ns,
                "checkpoint_id": checkpoint["id"],
            }
        }

    async def _known(self, config: RunnableConfig) -> Known | None:
        """The checkpoint a new one follows. LangGraph has always just read or written it."""
        parent = config["configurable"].get("checkpoint_id")
        if not parent:
            return None
        place = Place.named(config, parent)
        return self._memory.get(place) or await self._recall(config, place)

    async def _recall(self, config: RunnableConfig, place: Place) -> Known | None:
        await self.aget_tuple(config)
        return self._memory.get(place)

    async def _store(self, batch: Batch) -> None:
        known = await self._writer.store(batch)
        if batch.checkpoint is not None:
            self._memory.keep(batch.checkpoint.place, known)

    @at_home
    async def aput_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str = "",
    ) -> None:
        await ids_to_be_given()
        place = Place.named(config, config["configurable"]["checkpoint_id"])
        await self._outbox.store(WritesEntry(self.serde, place, writes, task_id, task_path))

    @at_home
    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        wanted = config["configurable"].get("checkpoint_id") or None
        if wanted and not _is_checkpoint_id(wanted):
            return None
        thread_id = config["configurable"]["thread_id"]
        namespace = config["configurable"].get("checkpoint_ns", "")
        row = await self._database.fetchrow(
            QUERIES["read_newest"], thread_key(thread_id), namespace, wanted
        )
        if row is None or (wanted and row["checkpoint_id"] != wanted):
            return None
        loaded = Loaded(self.serde, row, read_parts(row), thread_id)
        self._memory.keep(Place.named(config, row["checkpoint_id"]), loaded.as_known())
        found = loaded.as_tuple()
        return await _opened(self._fields, found) if self._fields else found

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """Newest first. History is read page by page, as far as the caller goes on."""
        after: tuple[str | None, ...] = (None, None, None)
        while limit is None or limit > 0:
            size = _PAGE if limit is None else min(limit, _PAGE)
            rows = await self._page(config, filter, before, after, size)
            thread_id = config["configurable"]["thread_id"] if config else None
            parts = read_parts(rows[0]) if rows else {}
            for row in rows:
                loaded = Loaded(self.serde, row, parts, thread_id or row["thread_id"])
                found = loaded.as_tuple()
                yield await _opened(self._fields, found) if self._fields else found
            if len(rows) < size:
                return
            after = (row["checkpoint_id"], row["thread_id"], row["checkpoint_ns"])
            limit = None if limit is None else limit - size

    @at_home
    async def _page(
        self,
        config: RunnableConfig | None,
        filter: dict[str, Any] | None,
        before: RunnableConfig | None,
        after: tuple[str | None, ...],
        size: int,
    ) -> list[asyncpg.Record]:
        asked = config["configurable"] if config else {}
        namespace = asked.get("checkpoint_ns")
        scope = "anywhere" if not asked else "in_thread" if namespace is None else "in_namespace"
        return await self._database.fetch(
            QUERIES[f"list_{scope}"],
            thread_key(asked["thread_id"]) if asked else None,
            namespace,
            asked.get("checkpoint_id") or None,
            before["configurable"].get("checkpoint_id") if before else None,
            *after,
            filter or {},
            size,
        )

    @at_home
    async def aget_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        if not channels:
            return {}
        target = config["configurable"].get("checkpoint_id")
        if not target:
            newest = await self.aget_tuple(config)
            if newest is None:
                return {channel: {"writes": []} for channel in channels}
            target = newest.checkpoint["id"]
        place = Place.named(config, target)
        return await read_history(self._database, self.serde, place, channels)

    @at_home
    async def adelete_thread(self, thread_id: str) -> None:
        await self._retention.delete_threads([thread_key(thread_id)])

    @at_home
    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Looks through all threads: use `adelete_run_of_thread` when the thread is known."""
        await self._retention.delete_runs(None, [str(run_id) for run_id in run_ids])

    @at_home
    async def adelete_run_of_thread(self, thread_id: str, run_id: str) -> None:
        """Remove what a run left on a thread: its checkpoints in all namespaces, and its writes."""
        await self._retention.delete_runs(thread_key(thread_id), [run_id])

    @at_home
    async def ahas_checkpoint(self, thread_id: str, checkpoint_id: str) -> bool:
        """Whether the thread's root namespace has the checkpoint."""
        if not _is_checkpoint_id(checkpoint_id):
            return False
        row = await self._database.fetchrow(
            QUERIES["has_checkpoint"], thread_key(thread_id), checkpoint_id
        )
        return row is not None

    @at_home
    async def ahas_checkpoint_of_run(self, thread_id: str, run_id: str) -> bool:
        """Whether the run has a checkpoint in the thread's root namespace."""
        row = await self._database.fetchrow(
            QUERIES["has_checkpoint_of_run"], thread_key(thread_id), run_id
        )
        return row is not None

    @at_home
    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        await self._retention.copy_thread(
            thread_key(source_thread_id), thread_key(target_thread_id)
        )

    @at_home
    async def aprune(
        self, thread_ids: Sequence[str], *, strategy: str = "keep_latest", count: int = 1
    ) -> None:
        """With keep_latest, `count` checkpoints of each thread and subgraph stay.

        Raises ValueError for a strategy other than keep_latest and delete.
        """
        threads = [thread_key(thread_id) for thread_id in thread_ids]
        if strategy == "delete":
            await self._retention.delete_threads(threads)
        elif strategy == "keep_latest":
            await self._retention.keep_latest(threads, count, self.serde)
        else:
            raise ValueError(f"Unknown prune strategy {strategy!r}: use keep_latest or delete.")


async def _opened(fields: FieldCipher, found: CheckpointTuple) -> CheckpointTuple:
    return found._replace(metadata=await fields.open("checkpoint", "metadata", found.metadata))


def _is_checkpoint_id(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
