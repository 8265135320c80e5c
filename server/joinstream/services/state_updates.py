"""Tells those who follow a thread that its state was changed between runs."""

from typing import Final

import structlog

from joinstream.domain.events import NO_RUN, EventId, Frame, FrameKind
from joinstream.domain.ids import ThreadId
from joinstream.domain.state_view import StateView
from joinstream.encoding import dumps
from joinstream.ports import EventLog, Retention
from joinstream.streams.codec import sse_bytes

STATE_UPDATE: Final = "state_update"
"""The event's name, and its mode."""

_RETENTION = Retention(seconds=120.0)

log = structlog.get_logger(__name__)


class StateUpdates:
    """Appends an event to the thread's log, in an epoch that the update has taken for itself."""

    def __init__(self, events: EventLog) -> None:
        self._events = events

    async def announce(self, thread_id: ThreadId, epoch: int, state: StateView) -> None:
        """Call it once the update is committed. Without the event log, nobody learns of it so."""
        id = EventId(epoch, 0)
        data = dumps({"state": state, "thread_id": thread_id})
        body = sse_bytes(STATE_UPDATE, data, id)
        frame = Frame(id, None, NO_RUN, FrameKind.EVENT, STATE_UPDATE, 0, body)
        try:
            await self._events.append(thread_id, [frame], _RETENTION)
        except ConnectionError as error:
            log.warning("state update not announced", thread_id=str(thread_id), error=str(error))
