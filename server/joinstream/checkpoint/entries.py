"""What waits to be stored: a task's writes, or a checkpoint. Values are serialised at once, since a
running graph may change them; where their parts go is decided when the statement is sent."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from langchain_core.messages import BaseMessage
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    get_serializable_checkpoint_metadata,
)
from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.checkpoint.serde.types import ERROR

from joinstream.checkpoint.known import Known, Place
from joinstream.checkpoint.parts import Address, Log, Run, addresses, joined
from joinstream.checkpoint.serde import Blob, can_be_split, dump
from joinstream.checkpoint.values import NOTHING, Draft, Held, NewPart, draft, unchanged

_ABOUT_THE_TASK = {*WRITES_IDX_MAP, "__error_source_node__"}
"""Channels that tell what happened to a task, and not what it has put out."""


class Write(NamedTuple):
    """A row of `checkpoint_writes`. `single`: the blob is a list, and the value its only item."""

    idx: int
    channel: str
    single: bool
    blob: Blob


class WritesEntry:
    """What one task wrote."""

    def __init__(
        self,
        serde: SerializerProtocol,
        place: Place,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str,
    ) -> None:
        self.place = place
        self.task_id = task_id
        self.task_path = task_path
        self.writes = [
            _write(serde, WRITES_IDX_MAP.get(channel, position), channel, value)
            for position, (channel, value) in enumerate(_without_half_a_task(writes))
        ]


def _without_half_a_task(writes: Sequence[tuple[str, Any]]) -> Sequence[tuple[str, Any]]:
    """Of a task that failed or was cancelled, no output.

    LangGraph hands over what such a task had written by then, and takes a task with output for one
    that has finished: resumed, the graph would leave out the rest of it, such as where to go next.
    """
    if all(channel != ERROR for channel, _ in writes):
        return writes
    return [write for write in writes if write[0] in _ABOUT_THE_TASK]


def _write(serde: SerializerProtocol, idx: int, channel: str, value: Any) -> Write:
    # A message written by itself becomes an item of a list: so it can share the list's part.
    single = isinstance(value, BaseMessage) and can_be_split(serde)
    return Write(idx, channel, single, dump(serde, channel, [value] if single else value))


class Placed(NamedTuple):
    """A checkpoint whose parts have addresses."""

    known: Known
    runs: Sequence[Run]
    parts: Sequence[tuple[Address, NewPart]]


class CheckpointEntry:
    """A checkpoint, drafted on the one it follows."""

    def __init__(
        self,
        serde: SerializerProtocol,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
        base: Known | None,
    ) -> None:
        self.place = Place.named(config, checkpoint["id"])
        self.parent: str | None = config["configurable"].get("checkpoint_id")
        self.metadata = get_serializable_checkpoint_metadata(config, metadata)
        self._serde = serde
        self._checkpoint = checkpoint
        self._new_versions = new_versions
        self._draft_on(base)

    @property
    def is_based(self) -> bool:
        """Whether it reuses parts of its parent."""
        return self._base is not None

    def forget_base(self) -> None:
        """Draft anew, every value in full: the parent was deleted meanwhile."""
        self._draft_on(None)

    def _draft_on(self, base: Known | None) -> None:
        self._base = base
        self._drafts = dict(self._draft_channels(base or Known({}, {})))
        rest = {key: value for key, value in self._checkpoint.items() if key != "channel_values"}
        held = {
            channel: (int(drafted.shape), drafted.part_count, drafted.rest)
            for channel, drafted in self._drafts.items()
        }
        self.body = dump(self._serde, "", (rest, held))

    def _draft_channels(self, base: Known) -> Iterator[tuple[str, Draft]]:
        values = self._checkpoint["channel_values"]
        for channel, version in self._checkpoint["channel_versions"].items():
            held = base.held.get(channel)
            if channel not in self._new_versions and base.versions.get(channel) == version:
                if held is not None:
                    yield channel, unchanged(held)
            elif channel in values:
                yield channel, draft(self._serde, channel, values[channel], held or NOTHING)

    def placed(self, *, in_fresh_logs: bool) -> Placed:
        """Give the new parts addresses: after those of the parent, or in logs just begun."""
        logs = self._base.logs if self._base else {}
        held: dict[str, Held] = {}
        parts: list[tuple[Address, NewPart]] = []
        for channel, drafted in self._drafts.items():
            places: Iterable[Address] = ()
            if count := drafted.new_part_count:
                if in_fresh_logs or channel not in logs:
                    logs[channel] = Log.fresh()
                places = addresses([logs[channel].append(count)])
            held[channel], written = drafted.place(places)
            parts.extend(written)
        runs = joined(run for value in held.values() for run in value.runs)
        return Placed(Known(self._checkpoint["channel_versions"], held, logs), runs, parts)
