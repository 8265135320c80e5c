"""What the thread row shows of the state at the thread's last checkpoint."""

from dataclasses import dataclass, field
from typing import Any

from langgraph.types import StateSnapshot


@dataclass(frozen=True, slots=True)
class ThreadState:
    """`values` is None while the thread has no checkpoint; `interrupts` is by task id."""

    values: Any = None
    interrupts: dict[str, list[Any]] = field(default_factory=dict)
    more_to_do: bool = False


NO_STATE = ThreadState()


def thread_state(snapshot: StateSnapshot) -> ThreadState:
    """Read off what the thread row keeps. A snapshot without a date is that of no checkpoint."""
    if snapshot.created_at is None:
        return NO_STATE
    return ThreadState(
        values=snapshot.values,
        interrupts={task.id: list(task.interrupts) for task in snapshot.tasks if task.interrupts},
        more_to_do=bool(snapshot.next),
    )
