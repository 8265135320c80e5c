"""From rows to checkpoints: values put together from their parts."""

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple, cast

import asyncpg
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import Checkpoint, CheckpointTuple, PendingWrite, writes_sort_key
from langgraph.checkpoint.serde.base import SerializerProtocol

from joinstream.checkpoint.containers import join
from joinstream.checkpoint.known import Known
from joinstream.checkpoint.parts import Address, Log, Run, addresses, section, unflattened
from joinstream.checkpoint.serde import Blob, load
from joinstream.checkpoint.values import Held, Shape, assemble, pieces_of, wrap

Parts = Mapping[Address, Blob]


class StoredValue(NamedTuple):
    """Where a channel value is. `rest` is the value itself, or those items that are in no part."""

    shape: Shape
    runs: Sequence[Run]
    rest: Blob | None


class Decoded(NamedTuple):
    """A channel value, and the number of items in each of its parts."""

    value: Any
    sizes: Sequence[int]


class Body(NamedTuple):
    """A checkpoint without its values, and where those are."""

    checkpoint: dict[str, Any]
    values: Mapping[str, StoredValue]


def read_body(serde: SerializerProtocol, row: asyncpg.Record) -> Body:
    """Decode a checkpoint row."""
    checkpoint, held = load(serde, (row["type"], row["body"]))
    runs = unflattened(row["part_runs"])
    values: dict[str, StoredValue] = {}
    position = 0
    for channel, (shape, count, rest) in held.items():
        end = position + count
        own = list(section(runs, position, end)) if count else ()
        values[channel] = StoredValue(Shape(shape), own, (rest[0], rest[1]) if rest else None)
        position = end
    return Body(checkpoint, values)


def read_parts(row: asyncpg.Record) -> Parts:
    """The parts a query returned as arrays."""
    if row["part_logs"] is None:
        return {}
    places = map(Address, row["part_logs"], row["part_seqs"])
    return dict(zip(places, zip(row["part_types"], row["part_datas"], strict=True), strict=True))


def read_value(serde: SerializerProtocol, stored: StoredValue, parts: Parts) -> Decoded:
    """Decode a value. Raises KeyError when one of its parts is missing."""
    blobs = [parts[place] for place in addresses(stored.runs)]
    count = len(blobs)
    if stored.rest is not None:
        blobs.append(stored.rest)
    if stored.shape is Shape.WHOLE:
        return Decoded(load(serde, blobs[0]), [1] * count)
    if all(kind == "msgpack" for kind, _ in blobs):
        packed, sizes = join(data for _, data in blobs)
        return Decoded(wrap(stored.shape, load(serde, ("msgpack", packed))), sizes[:count])
    chunks = [load(serde, blob) for blob in blobs]
    return Decoded(assemble(stored.shape, chunks), [len(chunk) for chunk in chunks[:count]])


def read_writes(serde: SerializerProtocol, row: asyncpg.Record) -> list[PendingWrite]:
    """The writes a query returned as arrays, in the order in which a live run applies them."""
    return [write for _, write in sorted(decode_writes(serde, row), key=itemgetter(0))]


def decode_writes(
    serde: SerializerProtocol, row: asyncpg.Record
) -> list[tuple[tuple[str, str, int], PendingWrite]]:
    """The writes as they come, each with its sort key."""
    if row["task_ids"] is None:
        return []
    keys = map(writes_sort_key, row["task_paths"], row["task_ids"], row["idxs"])
    blobs = zip(row["singles"], row["types"], row["datas"], strict=True)
    return [
        (key, (key[1], channel, _read_write(serde, *blob)))
        for key, channel, blob in zip(keys, row["channels"], blobs, strict=True)
    ]


def _read_write(serde: SerializerProtocol, single: bool, kind: str, data: bytes) -> Any:
    value = load(serde, (kind, data))
    return value[0] if single else value


class Loaded:
    """A checkpoint read in full."""

    def __init__(
        self, serde: SerializerProtocol, row: asyncpg.Record, parts: Parts, thread_id: str
    ) -> None:
        self._serde = serde
        self._row = row
        self._thread_id = thread_id
        self._body = read_body(serde, row)
        self._values = {
            channel: read_value(serde, stored, parts)
            for channel, stored in self._body.values.items()
        }

    def as_tuple(self) -> CheckpointTuple:
        """As LangGraph wants it."""
        row = self._row
        values = {channel: decoded.value for channel, decoded in self._values.items()}
        checkpoint = {**self._body.checkpoint, "channel_values": values}
        parent = row["parent_checkpoint_id"]
        return CheckpointTuple(
            config=self._config(row["checkpoint_id"]),
            checkpoint=cast(Checkpoint, checkpoint),
            metadata=row["metadata"],
            parent_config=self._config(parent) if parent else None,
            pending_writes=read_writes(self._serde, row),
        )

    def as_known(self) -> Known:
        """As a base for what follows; to be taken before anyone can change the values."""
        held = {
            channel: self._held(stored, self._values[channel])
            for channel, stored in self._body.values.items()
        }
        # Only the newest checkpoint may be followed in its own logs: others have successors there.
        logs = {
            channel: Log.after(value.runs)
            for channel, value in held.items()
            if value.runs and self._row["newest"]
        }
        return Known(self._body.checkpoint["channel_versions"], held, logs)

    def _held(self, stored: StoredValue, decoded: Decoded) -> Held:
        pieces, rest_count = pieces_of(decoded.value, decoded.sizes)
        return Held(stored.shape, stored.rest, rest_count, stored.runs, pieces)

    def _config(self, checkpoint_id: str) -> RunnableConfig:
        return {
            "configurable": {
                "thread_id": self._thread_id,
                "checkpoint_ns": self._row["checkpoint_ns"],
                "checkpoint_id": checkpoint_id,
            }
        }
