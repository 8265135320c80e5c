"""What a run waits for before it begins, and how many runs stand before it there."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

WaitsFor = Literal["time", "thread", "cap", "worker"]
"""For its delay to be over, for earlier runs of its thread, for room under a cap, or for a free
slot of a worker."""

MOST_AHEAD = 1000
"""Nobody counts further."""


@dataclass(frozen=True, slots=True)
class QueuePosition:
    """`ahead` is how many runs come first, at most MOST_AHEAD; None when it waits for its time,
    which is `due_at`."""

    waits_for: WaitsFor
    ahead: int | None
    due_at: datetime | None
