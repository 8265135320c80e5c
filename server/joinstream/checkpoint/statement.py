"""The one statement that stores: its arguments, and what its answer means."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from joinstream.checkpoint.entries import Placed, WritesEntry
from joinstream.checkpoint.known import Known, Place
from joinstream.checkpoint.outbox import Batch
from joinstream.checkpoint.parts import Address, flattened
from joinstream.checkpoint.queries import QUERIES
from joinstream.checkpoint.serde import Blob
from joinstream.errors import LeaseLost
from joinstream.store.database import Database

_WRITE_COLUMNS = 12
_NO_CHECKPOINT = Placed(Known({}, {}), (), ())


class Writer:
    """Stores batches on behalf of one attempt of a run, or of nobody (run_id and epoch None)."""

    def __init__(self, database: Database, run_id: UUID | None, epoch: int | None) -> None:
        self._database = database
        self._run_id = run_id
        self._epoch = epoch

    async def store(self, batch: Batch) -> Known:
        """Store all of it or nothing. Raises LeaseLost, and what Database raises.

        Two things may have happened since the checkpoint was drafted: its parent was deleted, so
        nothing can be reused; or another continuation of the parent took the places of its new
        parts. Both are rare, and cost a second round trip.
        """
        in_fresh_logs = False
        while True:
            placed = _NO_CHECKPOINT
            if batch.checkpoint is not None:
                placed = batch.checkpoint.placed(in_fresh_logs=in_fresh_logs)
            answer = await self._database.fetchrow(
                QUERIES["persist"], self._run_id, self._epoch, *_arguments(batch, placed)
            )
            assert answer is not None
            if not answer["permitted"]:
                raise LeaseLost(f"Run {self._run_id} is no longer this worker's to write for.")
            if answer["complete"]:
                return placed.known
            if answer["based"]:
                in_fresh_logs = True
            elif batch.checkpoint is not None:
                batch.checkpoint.forget_base()


def _arguments(batch: Batch, placed: Placed) -> list[Any]:
    checkpoint = batch.checkpoint
    thread_id, namespace, checkpoint_id = checkpoint.place if checkpoint else (None, None, None)
    places = [place for place, _ in placed.parts]
    blobs = [part.blob for _, part in placed.parts]
    return [
        thread_id,
        namespace,
        checkpoint.parent if checkpoint and checkpoint.is_based else None,
        *_columns([(*place, *blob) for place, blob in zip(places, blobs, strict=True)], 4),
        checkpoint_id,
        (checkpoint.parent or None) if checkpoint else None,
        flattened(placed.runs),
        *(checkpoint.body if checkpoint else (None, None)),
        checkpoint.metadata if checkpoint else None,
        *_write_columns(batch.writes, thread_id, dict(zip(blobs, places, strict=True))),
    ]


def _write_columns(
    entries: Sequence[WritesEntry], thread_id: UUID | None, parts: Mapping[Blob, Address]
) -> Iterable[Sequence[Any] | None]:
    """The writes column by column. One that equals a part stored with them refers to that part."""
    rows: dict[tuple[Place, str, int], tuple[Any, ...]] = {}
    for entry in entries:
        shared = parts if entry.place.thread_id == thread_id else {}
        for idx, channel, single, blob in entry.writes:
            key = (entry.place, entry.task_id, idx)
            if idx < 0 or key not in rows:
                address = shared.get(blob)
                value = (None, None, *address) if address else (*blob, None, None)
                written = (entry.task_id, idx, entry.task_path, channel, single)
                rows[key] = (*entry.place, *written, *value)
    return _columns(list(rows.values()), _WRITE_COLUMNS)


def _columns(rows: Sequence[tuple[Any, ...]], width: int) -> Iterable[Sequence[Any] | None]:
    """The rows as arrays, one for each column; null, which is quicker to send, for no rows."""
    return zip(*rows, strict=True) if rows else (None,) * width
