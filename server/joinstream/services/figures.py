"""Figures for those who watch the server: of the queue, of requests, of workers."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import structlog

from joinstream.errors import Unavailable
from joinstream.observe import metrics
from joinstream.ports.runs import QueueFigures

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Figures:
    """What was counted, and how the queue stands. While Postgres is away, the latter is missing."""

    of_queue: Callable[[], Awaitable[QueueFigures]]

    async def for_prometheus(self) -> bytes:
        queue = await self._queue()
        total, taken = metrics.worker_slots()
        found = described(queue) if queue is not None else []
        found.append(("lg_api_workers_available", "Runs that could begin at once.", total - taken))
        return metrics.exposition(found)

    async def as_json(self) -> dict[str, Any]:
        """In the official server's keys."""
        queue = await self._queue()
        total, taken = metrics.worker_slots()
        return {
            "queue": queue
            and {
                "n_pending": queue.pending,
                "n_running": queue.running,
                "pending_runs_wait_time_max_secs": queue.longest_wait,
                "pending_runs_wait_time_med_secs": queue.median_wait,
                "pending_unblocked_runs_wait_time_max_secs": queue.longest_unblocked_wait,
            },
            "api": {"http_requests_total": metrics.requests_by_route()},
            "workers": {"max": total, "active": taken, "available": total - taken},
        }

    async def _queue(self) -> QueueFigures | None:
        try:
            return await self.of_queue()
        except Unavailable as error:
            log.warning("the queue cannot be measured", error=error.reason)
            return None


def described(queue: QueueFigures) -> list[tuple[str, str, float]]:
    """Name, meaning and value of each figure."""
    return [
        ("lg_api_num_pending_runs", "Runs that have not begun.", queue.pending),
        ("lg_api_num_running_runs", "Runs that execute.", queue.running),
        (
            "joinstream_queue_longest_wait_seconds",
            "How long the run that is due longest has waited.",
            queue.longest_wait or 0,
        ),
        (
            "joinstream_queue_longest_unblocked_wait_seconds",
            "The same of runs that no other run of their thread holds up.",
            queue.longest_unblocked_wait or 0,
        ),
    ]
