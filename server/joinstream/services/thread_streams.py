"""Reading the events of a thread: those of all its runs, one after another, and what is between."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from joinstream.domain.ids import ThreadId
from joinstream.errors import NotFound
from joinstream.ports import EventHub, EventLog
from joinstream.services.run_streams import ReadValues
from joinstream.services.shared_looks import SharedLooks
from joinstream.services.threads import Threads
from joinstream.streams.join import Cursor, StreamItem, follow, now_in


@dataclass(slots=True)
class ThreadStream:
    """An open subscription to a thread's events after `cursor`; `close` it when done."""

    thread_id: ThreadId
    cursor: Cursor
    items: AsyncIterator[StreamItem]
    _open: AsyncExitStack

    async def close(self) -> None:
        await self._open.aclose()


@dataclass(slots=True)
class ThreadStreams:
    """The use cases of thread streams."""

    threads: Threads
    events: EventLog
    hub: EventHub
    read_values: ReadValues
    heartbeat_seconds: float
    _created: SharedLooks[ThreadId, datetime | None] = field(init=False)

    def __post_init__(self) -> None:
        self._created = SharedLooks(self.threads.created_at)

    async def join(self, thread_id: ThreadId, cursor: Cursor) -> ThreadStream:
        """Follow the thread from the cursor on, until it is deleted. Raises NotFound.

        From "now" on, nothing is missed that is produced after this has returned.
        """
        thread = await self.threads.get(thread_id)

        async def has_ended() -> bool:
            return await self._created.of(thread_id) != thread.created_at

        async with AsyncExitStack() as stack:
            subscription = await stack.enter_async_context(self.hub.subscribe(thread_id))
            if cursor == "now":
                cursor = await now_in(self.events, thread_id)
            items = follow(
                self.events,
                subscription,
                stream=thread_id,
                run_id=None,
                cursor=cursor,
                has_ended=has_ended,
                heartbeat=self.heartbeat_seconds,
                begins_after=thread.before_first_event,
            )
            return ThreadStream(thread_id, cursor, items, stack.pop_all())

    async def current_values(self, thread_id: ThreadId) -> Any:
        """The values at the thread's last checkpoint; None when it has been deleted."""
        try:
            return await self.read_values(thread_id)
        except NotFound:
            return None
