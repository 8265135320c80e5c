"""Threads: made, found, changed, copied and removed."""

from collections.abc import Iterable, Sequence
from typing import Any

from langgraph.types import StateUpdate

from joinstream.domain.assistants import IfExists
from joinstream.domain.ids import AssistantId, ThreadId, new_thread_id
from joinstream.domain.threads import (
    PruneStrategy,
    Thread,
    ThreadFilter,
    ThreadQuery,
    ThreadTtl,
    Ttl,
)
from joinstream.errors import Conflict, NotFound, RequestError, Unprocessable
from joinstream.ports.streams import EventLog, Signals
from joinstream.ports.threads import ThreadPage, ThreadStore
from joinstream.services.thread_states import ThreadStates


class Threads:
    """Every use case of threads but their state."""

    def __init__(
        self, threads: ThreadStore, states: ThreadStates, signals: Signals, events: EventLog
    ) -> None:
        self._threads = threads
        self._states = states
        self._signals = signals
        self._events = events

    async def create(
        self,
        thread_id: ThreadId | None,
        metadata: dict[str, Any],
        ttl: Ttl | None,
        if_exists: IfExists,
        supersteps: Sequence[Sequence[StateUpdate]] = (),
    ) -> Thread:
        """Make a thread, with the state that the supersteps leave.

        Raises Conflict when the id is taken, unless `if_exists` is do_nothing; and, without making
        a thread, what `ThreadStates.update` raises for supersteps that do not fit the graph.
        """
        if supersteps and not metadata.get("graph_id"):
            raise Unprocessable("metadata.graph_id: is required with supersteps.")
        thread_id = thread_id or new_thread_id()
        created = await self._threads.create(thread_id, metadata, ttl)
        if created is not None:
            return await self._with_state(thread_id, supersteps) if supersteps else created
        if if_exists == "do_nothing":
            return await self.get(thread_id)
        raise Conflict(
            f"Thread {thread_id} exists already; send if_exists: do_nothing to get it instead."
        )

    async def _with_state(
        self, thread_id: ThreadId, supersteps: Sequence[Sequence[StateUpdate]]
    ) -> Thread:
        try:
            await self._states.update_in_bulk(thread_id, supersteps)
        except RequestError:
            await self._threads.delete(thread_id)
            raise
        return await self.get(thread_id)

    async def get(self, thread_id: ThreadId) -> Thread:
        """Raises NotFound."""
        return _found(await self._threads.get(thread_id), thread_id)

    async def ttl(self, thread_id: ThreadId) -> ThreadTtl | None:
        return await self._threads.ttl(thread_id)

    async def search(self, query: ThreadQuery) -> ThreadPage:
        return await self._threads.search(query)

    async def count(self, wanted: ThreadFilter) -> int:
        return await self._threads.count(wanted)

    async def patch(self, thread_id: ThreadId, metadata: dict[str, Any], ttl: Ttl | None) -> Thread:
        """Merge metadata into the thread's. Raises NotFound."""
        return _found(await self._threads.patch(thread_id, metadata, ttl), thread_id)

    async def copy(self, thread_id: ThreadId) -> Thread:
        """A new thread with the same metadata, values and checkpoints. Raises NotFound."""
        return _found(await self._threads.copy(thread_id, new_thread_id()), thread_id)

    async def delete(self, thread_id: ThreadId) -> None:
        """Delete the thread with its runs and checkpoints; active runs are stopped.

        Raises NotFound.
        """
        if not await self._delete(thread_id):
            raise _unknown(thread_id)

    async def prune(self, thread_ids: Iterable[ThreadId], strategy: PruneStrategy) -> int:
        """Delete threads, or all but their latest checkpoint; how many. Unknown ids are skipped."""
        prune = self._delete if strategy == "delete" else self._threads.prune_checkpoints
        return sum([await prune(thread_id) for thread_id in dict.fromkeys(thread_ids)])

    async def delete_of_assistant(self, assistant_id: AssistantId) -> None:
        """Delete all threads whose latest run was the assistant's."""
        for thread_id in await self._threads.of_assistant(assistant_id):
            await self._delete(thread_id)

    async def _delete(self, thread_id: ThreadId) -> bool:
        stopped = await self._threads.delete(thread_id)
        for run_id in stopped or ():
            await self._signals.nudge_cancel(run_id)
        if stopped:
            await self._events.nudge(thread_id)
        return stopped is not None


def _found(thread: Thread | None, thread_id: ThreadId) -> Thread:
    if thread is None:
        raise _unknown(thread_id)
    return thread


def _unknown(thread_id: ThreadId) -> NotFound:
    return NotFound(f"Thread {thread_id} does not exist.")
