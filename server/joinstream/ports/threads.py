"""Where threads are kept."""

from collections.abc import Collection
from contextlib import AbstractAsyncContextManager
from typing import Any, NamedTuple, Protocol

from langgraph.checkpoint.base import BaseCheckpointSaver

from joinstream.domain.access import Filter
from joinstream.domain.ids import AssistantId, RunId, ThreadId
from joinstream.domain.pages import Total
from joinstream.domain.runs import ThreadStatus
from joinstream.domain.threads import Thread, ThreadFilter, ThreadQuery, ThreadTtl, Ttl


class ThreadPage(NamedTuple):
    """`threads` hold the selected fields, and `extracted` when something was to be extracted."""

    threads: list[dict[str, Any]]
    total: Total


class LockedThread(Protocol):
    """A thread whose row is locked: no run can be created, claimed or finished on it.

    What is written through `checkpointer` and `record_state` is kept or undone together.
    """

    @property
    def thread(self) -> Thread: ...

    @property
    def checkpointer(self) -> BaseCheckpointSaver[Any]: ...

    async def record_state(
        self, values: Any, interrupts: dict[str, Any], status: ThreadStatus
    ) -> int:
        """Write what the thread's latest checkpoint says into the thread's row.

        Returns the epoch of this update, later than that of any run before it.
        """
        ...


class ThreadStore(Protocol):
    """Threads, and what hangs on them. One that is not `visible` is as if it did not exist."""

    async def create(
        self, thread_id: ThreadId, metadata: dict[str, Any], ttl: Ttl | None
    ) -> Thread | None:
        """None when the id is taken."""
        ...

    async def get(self, thread_id: ThreadId, visible: Filter) -> Thread | None: ...

    async def ttl(self, thread_id: ThreadId) -> ThreadTtl | None: ...

    async def search(self, query: ThreadQuery) -> ThreadPage: ...

    async def count(self, wanted: ThreadFilter) -> int: ...

    async def patch(
        self, thread_id: ThreadId, metadata: dict[str, Any], ttl: Ttl | None, visible: Filter
    ) -> Thread | None:
        """Merge the metadata; ttl None keeps what is set."""
        ...

    async def copy(
        self, source: ThreadId, target: ThreadId, metadata: dict[str, Any], visible: Filter
    ) -> Thread | None:
        """Copy the thread with its checkpoints; None when there is no source.

        `metadata` is merged into the copy's.
        """
        ...

    async def delete(self, thread_id: ThreadId, visible: Filter) -> Collection[RunId] | None:
        """Delete the thread, its runs and its checkpoints at once.

        Returns the runs that were active, whose workers will find them gone; None when there is no
        such thread.
        """
        ...

    async def prune_checkpoints(self, thread_id: ThreadId, visible: Filter) -> bool:
        """Keep only the latest checkpoint. False when the thread is unknown or busy."""
        ...

    async def of_assistant(self, assistant_id: AssistantId) -> list[ThreadId]: ...

    def locked(
        self, thread_id: ThreadId, visible: Filter
    ) -> AbstractAsyncContextManager[LockedThread | None]:
        """Lock the thread for as long as the context lasts; None when there is no such thread."""
        ...


class ThreadSweeps(Protocol):
    """Removal of what has been kept long enough. Each returns how many threads it touched."""

    async def end_expired(self, limit: int) -> int:
        """Delete or prune threads that are past their time to live, as each one's strategy says."""
        ...

    async def thin_out(self, keep: int, limit: int) -> int:
        """Leave the newest `keep` checkpoints of threads that were used since the last look."""
        ...
