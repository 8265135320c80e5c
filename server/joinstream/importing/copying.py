"""Copies a thread's checkpoints through a saver, and compares the copy with the source."""

import asyncio
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any
from uuid import UUID

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple
from langgraph.checkpoint.serde.base import SerializerProtocol

from joinstream.errors import JoinstreamError
from joinstream.importing.reader import SourceCheckpoint, ThreadReader, Write

Saver = BaseCheckpointSaver[Any]


class CopyDiffers(JoinstreamError):
    """What was stored does not read back as what the source has."""


async def copy_checkpoints(reader: ThreadReader, saver: Saver, thread_id: UUID) -> None:
    """Store every checkpoint with its writes, oldest first."""
    last: SourceCheckpoint | None = None
    async for found in reader.oldest_first():
        # A checkpoint and the writes at the one before are one round trip.
        await asyncio.gather(
            *(_put_writes(saver, thread_id, last) if last else ()),
            saver.aput(
                _config(thread_id, found.checkpoint_ns, found.parent_id),
                found.checkpoint,
                found.metadata,
                # What is new, the saver finds out by comparing versions with the parent's.
                {},
            ),
        )
        last = found
    if last is not None:
        await asyncio.gather(*_put_writes(saver, thread_id, last))


def _put_writes(saver: Saver, thread_id: UUID, found: SourceCheckpoint) -> Iterator[Any]:
    """Task by task. Interrupts, resumes and errors have places of their own, below zero."""
    config = _config(thread_id, found.checkpoint_ns, found.checkpoint["id"])
    for (task_id, task_path, _), group in groupby(found.writes, _by_task):
        pairs = [(write.channel, write.value) for write in group]
        yield saver.aput_writes(config, pairs, task_id, task_path)


def _by_task(write: Write) -> tuple[str, str, bool]:
    return write.task_id, write.task_path, write.idx < 0


async def require_equal(reader: ThreadReader, saver: Saver, thread_id: UUID) -> None:
    """Compare the newest checkpoint of each namespace, and how many there are of everything.

    Raises CopyDiffers.
    """
    async for found in reader.newest_of_each_namespace():
        config = _config(thread_id, found.checkpoint_ns, None)
        copy = await saver.aget_tuple(config)
        where = f"Checkpoint {found.checkpoint['id']} of namespace {found.checkpoint_ns!r}"
        if copy is None:
            raise CopyDiffers(f"{where} is missing in the copy.")
        for what, theirs, ours in _aspects(found, copy):
            if not _are_same(saver.serde, theirs, ours):
                raise CopyDiffers(f"{where} has another {what} in the copy.")


def _aspects(found: SourceCheckpoint, copy: CheckpointTuple) -> Iterable[tuple[str, Any, Any]]:
    """What a checkpoint consists of: in the source, and in the copy."""
    parent = copy.parent_config
    yield "parent", found.parent_id, parent and parent["configurable"]["checkpoint_id"]
    yield "metadata", found.metadata, copy.metadata
    theirs = [(write.task_id, write.channel) for write in found.writes]
    ours = copy.pending_writes or []
    yield "set of writes", theirs, [(task_id, channel) for task_id, channel, _ in ours]
    for write, (_, channel, value) in zip(found.writes, ours, strict=True):
        yield f"write to {channel!r}", write.value, value
    yield from _channels(found.checkpoint["channel_values"], copy.checkpoint["channel_values"])
    yield "body", _without_values(found.checkpoint), _without_values(copy.checkpoint)


def _channels(theirs: dict[str, Any], ours: dict[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    yield "set of channels", sorted(theirs), sorted(ours)
    for channel, value in theirs.items():
        yield f"value of channel {channel!r}", value, ours[channel]


def _without_values(checkpoint: Any) -> dict[str, Any]:
    return {key: value for key, value in checkpoint.items() if key != "channel_values"}


def _are_same(serde: SerializerProtocol, theirs: Any, ours: Any) -> bool:
    """Equal when serialised, or else by their own measure: sets have no order to rely on."""
    return serde.dumps_typed(theirs) == serde.dumps_typed(ours) or bool(theirs == ours)


def _config(thread_id: UUID, namespace: str, checkpoint_id: str | None) -> RunnableConfig:
    configurable = {"thread_id": str(thread_id), "checkpoint_ns": namespace}
    if checkpoint_id is not None:
        configurable["checkpoint_id"] = checkpoint_id
    return RunnableConfig(configurable=configurable)
