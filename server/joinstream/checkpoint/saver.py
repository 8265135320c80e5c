"""The saver itself: LangGraph's checkpointer interface over the queries of this package."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import asyncpg
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    get_serializable_checkpoint_metadata,
    writes_sort_key,
)
from langgraph.checkpoint.serde.base import SerializerProtocol

from joinstream.errors import LeaseLost
from joinstream.sql import load_queries
from joinstream.store.database import Database

_QUERIES = load_queries(Path(__file__).with_name("queries.sql"))


@dataclass(frozen=True, slots=True)
class Fence:
    """The attempt of a run on whose behalf is written: its row must still say so."""

    run_id: UUID
    epoch: int


def thread_key(thread_id: str) -> UUID:
    """The id as stored. Graphs may name their inner threads freely; such names are hashed."""
    try:
        return UUID(thread_id)
    except ValueError:
        return uuid5(NAMESPACE_URL, thread_id)


class PostgresSaver(BaseCheckpointSaver[int]):
    """Checkpoints in Postgres. Cheap: make one for each run or request."""

    def __init__(
        self,
        executor: asyncpg.Pool | asyncpg.Connection,
        *,
        fence: Fence | None = None,
        serde: SerializerProtocol | None = None,
    ) -> None:
        super().__init__(serde=serde)
        self._database = Database(executor)
        self._fence = (fence.run_id, fence.epoch) if fence else (None, None)

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        place = config["configurable"]
        type_, body = self.serde.dumps_typed(checkpoint)
        saved = (
            thread_key(place["thread_id"]),
            place.get("checkpoint_ns", ""),
            checkpoint["id"],
            place.get("checkpoint_id"),
            type_,
            body,
            get_serializable_checkpoint_metadata(config, metadata),
        )
        await self._persist([], saved)
        return _config(place["thread_id"], place.get("checkpoint_ns", ""), checkpoint["id"])

    async def aput_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str = "",
    ) -> None:
        place = config["configurable"]
        thread = thread_key(place["thread_id"])
        rows = {}
        for position, (channel, value) in enumerate(writes):
            idx = WRITES_IDX_MAP.get(channel, position)
            rows[idx] = (
                thread,
                place.get("checkpoint_ns", ""),
                place["checkpoint_id"],
                task_id,
                idx,
                task_path,
                channel,
                *self.serde.dumps_typed(value),
            )
        await self._persist(list(rows.values()), (None,) * 7)

    async def _persist(self, writes: list[tuple[Any, ...]], saved: tuple[Any, ...]) -> None:
        columns = zip(*writes, strict=True) if writes else ((),) * 9
        self._permitted(
            await self._database.fetchval(
                _QUERIES["persist"], *self._fence, *map(list, columns), *saved
            )
        )

    def _permitted(self, permitted: bool) -> None:
        if not permitted:
            raise LeaseLost(f"run {self._fence[0]} is no longer this worker's to write for")

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        place = config["configurable"]
        wanted = place.get("checkpoint_id") or None
        if wanted and not _is_uuid(wanted):
            return None
        row = await self._database.fetchrow(
            _QUERIES["read"],
            thread_key(place["thread_id"]),
            place.get("checkpoint_ns", ""),
            wanted,
        )
        if row is None or (wanted and row["checkpoint_id"] != UUID(wanted)):
            return None
        return self._tuple(row, place["thread_id"])

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        place = config["configurable"] if config else {}
        rows = await self._database.fetch(
            _QUERIES["list"],
            thread_key(place["thread_id"]) if place else None,
            place.get("checkpoint_ns"),
            place.get("checkpoint_id") or None,
            before["configurable"].get("checkpoint_id") if before else None,
            filter or {},
            limit,
        )
        for row in rows:
            yield self._tuple(row, place.get("thread_id") or str(row["thread_id"]))

    def _tuple(self, row: asyncpg.Record, thread_id: str) -> CheckpointTuple:
        namespace = row["checkpoint_ns"]
        parent = row["parent_checkpoint_id"]
        return CheckpointTuple(
            config=_config(thread_id, namespace, str(row["checkpoint_id"])),
            checkpoint=self.serde.loads_typed((row["type"], row["body"])),
            metadata=row["metadata"],
            parent_config=_config(thread_id, namespace, str(parent)) if parent else None,
            pending_writes=self._pending_writes(row),
        )

    def _pending_writes(self, row: asyncpg.Record) -> list[tuple[str, str, Any]]:
        if row["task_ids"] is None:
            return []
        writes = zip(
            row["task_paths"],
            map(str, row["task_ids"]),
            row["idxs"],
            row["channels"],
            row["types"],
            row["datas"],
            strict=True,
        )
        return [
            (task_id, channel, self.serde.loads_typed((type_, data)))
            for _, task_id, _, channel, type_, data in sorted(
                writes, key=lambda write: writes_sort_key(*write[:3])
            )
        ]

    async def adelete_thread(self, thread_id: str) -> None:
        self._permitted(
            await self._database.fetchval(
                _QUERIES["delete_threads"], *self._fence, [thread_key(thread_id)]
            )
        )

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        self._permitted(
            await self._database.fetchval(
                _QUERIES["delete_runs"], *self._fence, None, [str(run_id) for run_id in run_ids]
            )
        )

    async def adelete_checkpoints_of_run(self, thread_id: str, run_id: str) -> None:
        """Remove what a run left on a thread: its checkpoints in all namespaces, and its writes."""
        self._permitted(
            await self._database.fetchval(
                _QUERIES["delete_runs"], *self._fence, thread_key(thread_id), [run_id]
            )
        )

    async def ahas_checkpoint_of_run(self, thread_id: str, run_id: str) -> bool:
        """Whether the run has a checkpoint in the thread's root namespace."""
        found: bool = await self._database.fetchval(
            _QUERIES["has_checkpoint_of_run"], thread_key(thread_id), run_id
        )
        return found

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        source, target = thread_key(source_thread_id), thread_key(target_thread_id)
        await self._database.execute(_QUERIES["copy_checkpoints"], source, target)
        await self._database.execute(_QUERIES["copy_writes"], source, target)

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        threads = [thread_key(thread_id) for thread_id in thread_ids]
        if strategy == "delete":
            await self._database.fetchval(_QUERIES["delete_threads"], *self._fence, threads)
        elif strategy == "keep_latest":
            await self._database.execute(_QUERIES["keep_latest"], threads)
        else:
            raise ValueError(f"unknown prune strategy {strategy!r}: use keep_latest or delete")


def _config(thread_id: str, namespace: str, checkpoint_id: str) -> RunnableConfig:
    return {
        "configurable": {
            "thread_id": thread_id,
            "checkpoint_ns": namespace,
            "checkpoint_id": checkpoint_id,
        }
    }


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
