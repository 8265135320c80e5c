"""Checkpoints as services and the worker see them."""

from collections.abc import Mapping
from typing import Any, Protocol
from uuid import UUID

from langgraph.checkpoint.base import BaseCheckpointSaver

from joinstream.domain.ids import RunId, ThreadId
from joinstream.domain.storage import ThreadStorage


class Checkpoints(Protocol):
    """Makes savers over one shared pool; a saver is cheap, one is made for each use."""

    def saver(self) -> BaseCheckpointSaver[Any]:
        """For reads, and for writes that are not part of a run (state updates)."""
        ...

    def fenced_saver(self, run_id: RunId, epoch: int) -> BaseCheckpointSaver[Any]:
        """For one attempt of a run; writes raise LeaseLost once the run has a later epoch."""
        ...

    async def storage(self, thread_id: ThreadId) -> ThreadStorage:
        """What the thread's checkpoints take; nothing, when it has none."""
        ...

    async def require(self, thread_id: ThreadId, checkpoint: Mapping[str, Any]) -> None:
        """See that the thread's root graph has the checkpoint, if one is named by its id.

        LangGraph would take one that does not exist for the beginning, and leave out all that the
        thread holds. Raises NotFound.
        """
        ...

    async def has_checkpoint_of_run(self, thread_id: UUID, run_id: UUID) -> bool:
        """Whether the run has written a checkpoint in the thread's root namespace."""
        ...

    async def delete_of_run(self, thread_id: ThreadId, run_id: RunId) -> None:
        """Remove every checkpoint the run wrote, in all namespaces, with their writes."""
        ...
