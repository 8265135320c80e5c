"""What those who only watch how runs go are told of the past.

Who has just started a run, and opens a stream to see it end, has to be told that it ended. Who is
about to start one must not be: Python's client takes the first end it hears of for that of its own
run, and on threads that it knows it opens its stream before. The requests are the same. They differ
in time: the one comes right after the run was created, the other when it is over. Where that does
not decide, the end is told later, unless another run has come by then.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID

from joinstream.domain.ids import ThreadId
from joinstream.domain.run_record import Run
from joinstream.event_streaming.timeline import Told
from joinstream.ports.threads import ThreadStore

JUST_NOW = timedelta(seconds=1)
"""So soon after it was created, a stream is opened by whoever started a run."""
PATIENCE = timedelta(seconds=3)
PATIENCE_WITH_NEW_THREADS = timedelta(seconds=30)
"""So long after a run has ended, somebody may come back who was cut off before the first event.
Python's client opens its stream after it has started the run only on threads that the run makes."""
_MOST_NOTES = 10_000
_ENDS = ("completed", "failed")
"""What Python's client takes for the end of a run."""

When = Literal["now", "later", "never"]


@dataclass(slots=True)
class WatchedPast:
    """Decides when a watcher is told how a thread's last run ended: with the first heartbeat after
    `later_seconds`, if it is to be told later.
    """

    threads: ThreadStore
    later_seconds: float = 5.0
    _told: dict[UUID, None] = field(default_factory=dict)

    def note(self, told: Told) -> None:
        """A watcher is told this."""
        if told.became not in _ENDS or told.run_id is None:
            return
        self._told[told.run_id] = None
        if len(self._told) > _MOST_NOTES:
            del self._told[next(iter(self._told))]

    async def when(self, thread_id: ThreadId, last: Told, run: Run) -> When:
        """`last` is the last thing that is known of the thread, and `run` its last run."""
        if last.became not in _ENDS or run.ended_at is None:
            return "now"
        is_done, is_known = last.became == "completed", last.run_id in self._told
        if is_done and is_known:
            return "never"
        now = datetime.now(UTC)
        if now - run.created_at < JUST_NOW and not is_known:
            return "now"
        if is_done and now - run.ended_at > await self._patience(thread_id, run):
            return "never"
        return "later"

    async def _patience(self, thread_id: ThreadId, run: Run) -> timedelta:
        thread = await self.threads.get(thread_id, None)
        made_by_run = thread is not None and thread.created_at == run.created_at
        return PATIENCE_WITH_NEW_THREADS if made_by_run else PATIENCE
