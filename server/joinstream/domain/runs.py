"""The run state machine, and what it makes of the thread.

::

    pending ──claim──► running ──► success | error | timeout | interrupted
       │                  │
       └── cancel ──► interrupted          a rollback deletes the run instead

A run that is set aside has status error, and goes back to pending when it is retried.
"""

from typing import Literal, get_args

RunStatus = Literal["pending", "running", "success", "error", "timeout", "interrupted"]
ThreadStatus = Literal["idle", "busy", "interrupted", "error"]
CancelAction = Literal["interrupt", "rollback"]
MultitaskStrategy = Literal["reject", "enqueue", "interrupt", "rollback"]
IfNotExists = Literal["create", "reject"]
Durability = Literal["sync", "async", "exit"]
OnDisconnect = Literal["cancel", "continue"]
OnCompletion = Literal["delete", "keep"]

RUN_STATUSES: tuple[RunStatus, ...] = get_args(RunStatus)
ACTIVE: frozenset[RunStatus] = frozenset({"pending", "running"})
TERMINAL: frozenset[RunStatus] = frozenset(RUN_STATUSES) - ACTIVE

LEGAL_MOVES: dict[RunStatus, frozenset[RunStatus]] = {
    "pending": frozenset({"running", "interrupted", "error"}),
    # back to pending: the worker drained and handed the run back
    "running": TERMINAL | {"pending", "running"},
    "success": frozenset(),
    "error": frozenset({"pending"}),
    "timeout": frozenset(),
    "interrupted": frozenset(),
}

SUSPECT_ATTEMPT = 3
"""Two workers have died during the attempts before this one."""


def is_suspect(attempt: int) -> bool:
    """Whether the run may be what kills workers: nothing else should execute beside it."""
    return attempt >= SUSPECT_ATTEMPT


def is_terminal(status: RunStatus) -> bool:
    return status in TERMINAL


def may_move(before: RunStatus, after: RunStatus) -> bool:
    return after in LEGAL_MOVES[before]


def thread_status_after(ended: RunStatus, *, more_to_do: bool, active_runs: bool) -> ThreadStatus:
    """Status of a thread whose run just ended.

    `more_to_do`: the last checkpoint has next nodes (an interrupt, a breakpoint, a cancelled step).
    `active_runs`: another run of the thread is pending or running.
    """
    if active_runs:
        return "busy"
    if ended in ("error", "timeout"):
        return "error"
    return "interrupted" if more_to_do else "idle"
