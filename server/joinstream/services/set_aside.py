"""Runs that were set aside because worker after worker died of them: finding and retrying them."""

from dataclasses import dataclass
from typing import Any

from joinstream.domain.pages import Total
from joinstream.domain.run_record import Run
from joinstream.errors import Conflict, NotFound
from joinstream.ports import Signals
from joinstream.ports.access import Access
from joinstream.ports.runs import RunStore


@dataclass(frozen=True, slots=True)
class SetAsideRuns:
    """They have status error, and stay until they are retried or deleted."""

    store: RunStore
    signals: Signals
    access: Access

    async def search(self, *, limit: int, offset: int) -> tuple[list[Run], Total]:
        """A page of those the caller may see, newest first, and the number of all."""
        asked: dict[str, Any] = {"metadata": {}, "limit": limit, "offset": offset}
        visible = await self.access.authorize("threads", "search", asked)
        page = await self.store.set_aside(visible, limit=limit, offset=offset)
        return page, Total(await self.store.count_set_aside(visible))

    async def retry(self, run: Run) -> Run:
        """Put it back into the queue: it goes on from its last checkpoint, with new attempts.

        Raises Conflict when it was not set aside, or when its thread has moved on since.
        """
        outcome = await self.store.retry(run.run_id)
        if outcome == "not_set_aside":
            raise Conflict(
                f"Run {run.run_id} has not been set aside: only a run whose attempts were used up "
                "can be retried. To execute the same again, create a new run."
            )
        if outcome == "overtaken":
            raise Conflict(
                f"Run {run.run_id} cannot go on from where it was: later runs of thread "
                f"{run.thread_id} have executed since. Create a new run instead."
            )
        await self.signals.wake_workers()
        retried = await self.store.get(None, run.run_id, None)
        if outcome == "missing" or retried is None:
            raise NotFound(f"Run {run.run_id} does not exist any more.")
        return retried
