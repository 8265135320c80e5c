"""Threads: made, found, changed, copied and removed."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal

from langgraph.types import StateUpdate

from joinstream.domain.access import Filter, metadata_of
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
from joinstream.ports.access import Access
from joinstream.ports.streams import EventLog, Signals
from joinstream.ports.threads import ThreadPage, ThreadStore
from joinstream.services.thread_states import ThreadStates


class Threads:
    """Every use case of threads but their state."""

    def __init__(
        self,
        threads: ThreadStore,
        states: ThreadStates,
        signals: Signals,
        events: EventLog,
        access: Access,
    ) -> None:
        self._threads = threads
        self._states = states
        self._signals = signals
        self._events = events
        self._access = access

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
        asked = {
            "thread_id": thread_id,
            "metadata": dict(metadata),
            "if_exists": if_exists,
            "ttl": {"strategy": ttl.strategy, "ttl": ttl.ttl} if ttl else None,
        }
        visible = await self._access.authorize("threads", "create", asked)
        created = await self._threads.create(thread_id, metadata_of(asked), ttl)
        if created is not None:
            return await self._with_state(thread_id, supersteps) if supersteps else created
        if if_exists == "do_nothing":
            existing = await self._threads.get(thread_id, visible)
            if existing is not None:
                return existing
        raise Conflict(
            f"Thread {thread_id} exists already; send if_exists: do_nothing to get it instead."
        )

    async def _with_state(
        self, thread_id: ThreadId, supersteps: Sequence[Sequence[StateUpdate]]
    ) -> Thread:
        try:
            await self._states.write(thread_id, supersteps)
        except RequestError:
            await self._threads.delete(thread_id, None)
            raise
        return _found(await self._threads.get(thread_id, None), thread_id)

    async def get(self, thread_id: ThreadId, to: Literal["read", "search"] = "read") -> Thread:
        """The thread, to read it or to search what is on it. Raises NotFound."""
        asked = {"thread_id": thread_id, "metadata": {}}
        visible = await self._access.authorize("threads", to, asked)
        return _found(await self._threads.get(thread_id, visible), thread_id)

    async def ttl(self, thread_id: ThreadId) -> ThreadTtl | None:
        return await self._threads.ttl(thread_id)

    async def search(self, query: ThreadQuery) -> ThreadPage:
        visible = await self._visible(query.filter, limit=query.limit, offset=query.offset)
        return await self._threads.search(replace(query, filter=visible))

    async def count(self, wanted: ThreadFilter) -> int:
        return await self._threads.count(await self._visible(wanted, limit=0, offset=0))

    async def _visible(self, wanted: ThreadFilter, *, limit: int, offset: int) -> ThreadFilter:
        """What is wanted, as far as the caller may see it."""
        asked = {
            "metadata": dict(wanted.metadata or {}),
            "values": wanted.values,
            "status": wanted.status,
            "ids": wanted.ids,
            "limit": limit,
            "offset": offset,
        }
        visible = await self._access.authorize("threads", "search", asked)
        return replace(wanted, metadata=metadata_of(asked) or wanted.metadata, visible=visible)

    async def patch(self, thread_id: ThreadId, metadata: dict[str, Any], ttl: Ttl | None) -> Thread:
        """Merge metadata into the thread's. Raises NotFound."""
        asked = {"thread_id": thread_id, "metadata": dict(metadata), "action": None}
        visible = await self._access.authorize("threads", "update", asked)
        patched = await self._threads.patch(thread_id, metadata_of(asked), ttl, visible)
        return _found(patched, thread_id)

    async def copy(self, thread_id: ThreadId) -> Thread:
        """A new thread with the same metadata, values and checkpoints. Raises NotFound."""
        source = {"thread_id": thread_id, "metadata": {}}
        visible = await self._access.authorize("threads", "read", source)
        target = new_thread_id()
        asked = {"thread_id": target, "metadata": {}, "if_exists": "raise"}
        await self._access.authorize("threads", "create", asked)
        copied = await self._threads.copy(thread_id, target, metadata_of(asked), visible)
        return _found(copied, thread_id)

    async def delete(self, thread_id: ThreadId) -> None:
        """Delete the thread with its runs and checkpoints; active runs are stopped.

        Raises NotFound.
        """
        if not await self._delete(thread_id, await self._deletable(thread_id)):
            raise _unknown(thread_id)

    async def prune(self, thread_ids: Iterable[ThreadId], strategy: PruneStrategy) -> int:
        """Delete threads, or all but their latest checkpoint; how many. Unknown ids are skipped."""
        prune = self._delete if strategy == "delete" else self._threads.prune_checkpoints
        return sum(
            [
                await prune(thread_id, await self._deletable(thread_id))
                for thread_id in dict.fromkeys(thread_ids)
            ]
        )

    async def delete_of_assistant(self, assistant_id: AssistantId) -> None:
        """Delete the threads whose latest run was the assistant's, as far as the caller may."""
        for thread_id in await self._threads.of_assistant(assistant_id):
            await self._delete(thread_id, await self._deletable(thread_id))

    async def _deletable(self, thread_id: ThreadId) -> Filter:
        asked: dict[str, Any] = {"thread_id": thread_id, "run_id": None, "metadata": {}}
        return await self._access.authorize("threads", "delete", asked)

    async def created_at(self, thread_id: ThreadId) -> datetime | None:
        """When the thread was made, None when there is none; asked for somebody who may read it.

        One of the same id that was made at another time is another one.
        """
        thread = await self._threads.get(thread_id, None)
        return thread.created_at if thread is not None else None

    async def _delete(self, thread_id: ThreadId, visible: Filter) -> bool:
        stopped = await self._threads.delete(thread_id, visible)
        if stopped is None:
            return False
        for run_id in stopped:
            await self._signals.nudge_cancel(run_id)
        await self._events.nudge(thread_id)
        return True


def _found(thread: Thread | None, thread_id: ThreadId) -> Thread:
    if thread is None:
        raise _unknown(thread_id)
    return thread


def _unknown(thread_id: ThreadId) -> NotFound:
    return NotFound(f"Thread {thread_id} does not exist.")
