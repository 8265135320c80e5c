"""Delta channels: LangGraph stores what was written to them, and now and then a snapshot.

Their value is the nearest ancestor's snapshot with all writes since then applied.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from langgraph.checkpoint.base import DeltaChannelHistory, PendingWrite
from langgraph.checkpoint.serde.base import SerializerProtocol

from joinstream.checkpoint.known import Place
from joinstream.checkpoint.parts import flattened
from joinstream.checkpoint.queries import QUERIES
from joinstream.checkpoint.reading import (
    StoredValue,
    decode_writes,
    read_body,
    read_parts,
    read_value,
)
from joinstream.store.database import Database

_PAGE = 256
"""Ancestors read at a time; a delta channel has a snapshot every 100 updates unless told else."""


class Ancestry(NamedTuple):
    """The ancestors that some delta channels depend on, nearest first.

    `seeds`: the value each channel starts from, and the position of the ancestor that has it; a
    channel without a seed starts empty at the oldest ancestor.
    """

    checkpoint_ids: Sequence[str]
    seeds: Mapping[str, tuple[int, StoredValue]]


async def find_ancestry(
    database: Database, serde: SerializerProtocol, place: Place, channels: Sequence[str]
) -> Ancestry:
    """Walk up from a checkpoint until every channel has a seed, or to the root."""
    found: list[str] = []
    seeds: dict[str, tuple[int, StoredValue]] = {}
    while True:
        child = place._replace(checkpoint_id=found[-1]) if found else place
        rows = await database.fetch(QUERIES["ancestors"], *child, _PAGE)
        for row in rows:
            values = read_body(serde, row).values
            for channel in channels:
                if channel in values and channel not in seeds:
                    seeds[channel] = (len(found), values[channel])
            found.append(row["checkpoint_id"])
            if len(seeds) == len(channels):
                return Ancestry(found, seeds)
        if len(rows) < _PAGE:
            return Ancestry(found, seeds)


async def read_history(
    database: Database, serde: SerializerProtocol, place: Place, channels: Sequence[str]
) -> dict[str, DeltaChannelHistory]:
    """Per channel its seed, if there is one, and the writes since then, oldest first."""
    ancestry = await find_ancestry(database, serde, place, channels)
    runs = [run for _, seed in ancestry.seeds.values() for run in seed.runs]
    row = await database.fetchrow(
        QUERIES["history"],
        place.thread_id,
        place.checkpoint_ns,
        ancestry.checkpoint_ids,
        channels,
        flattened(runs),
    )
    assert row is not None
    written: defaultdict[str, list[tuple[tuple[str, str, int], PendingWrite]]] = defaultdict(list)
    for checkpoint_id, write in zip(
        row["checkpoint_ids"] or (), decode_writes(serde, row), strict=True
    ):
        written[checkpoint_id].append(write)
    oldest_first = [
        (position, [write for _, write in sorted(written[checkpoint_id], key=lambda w: w[0])])
        for position, checkpoint_id in reversed(list(enumerate(ancestry.checkpoint_ids)))
    ]
    parts = read_parts(row)
    histories: dict[str, DeltaChannelHistory] = {}
    for channel in channels:
        start, seed = ancestry.seeds.get(channel, (len(oldest_first), None))
        history: DeltaChannelHistory = {
            "writes": [
                write
                for position, writes in oldest_first
                for write in writes
                if position <= start and write[1] == channel
            ]
        }
        if seed is not None:
            history["seed"] = read_value(serde, seed, parts).value
        histories[channel] = history
    return histories
