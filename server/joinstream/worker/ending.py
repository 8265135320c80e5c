"""How an execution's outcome becomes what is written about the run."""

from dataclasses import replace
from typing import Any

from joinstream.domain.failures import Failure, failure_of
from joinstream.domain.run_record import Run
from joinstream.domain.runs import CancelAction
from joinstream.domain.thread_state import NO_STATE, ThreadState
from joinstream.errors import (
    EncryptionFailed,
    JoinstreamError,
    RunInterrupted,
    RunRolledBack,
    RunSetAside,
    RunTimedOut,
)
from joinstream.ports.runs import CancelRequest, Ending

_CANCEL_NAMES: dict[CancelAction, str] = {
    "interrupt": "UserInterrupt",
    "rollback": "UserRollback",
}


def stop_for(cancel: CancelRequest) -> JoinstreamError:
    """The error that stops an executing run for this cancel request."""
    reason = cancel.reason or "cancelled"
    return RunRolledBack(reason) if cancel.action == "rollback" else RunInterrupted(reason)


def success(output: Any, state: ThreadState) -> Ending:
    return Ending(
        "success",
        output=output,
        values=state.values,
        interrupts=state.interrupts,
        more_to_do=state.more_to_do,
    )


def failed(error: BaseException, state: ThreadState) -> Ending:
    """The run's own failure, or its time-out."""
    failure: Failure = failure_of(error)
    status = "error"
    if isinstance(error, RunTimedOut):
        status, failure = "timeout", Failure(error="TimeoutError", message=str(error))
    return Ending(
        "timeout" if status == "timeout" else "error",
        error=dict(failure),
        values=state.values,
        interrupts=state.interrupts,
        more_to_do=state.more_to_do,
        thread_error=dict(failure),
    )


def set_aside(stop: RunSetAside, state: ThreadState) -> Ending:
    """An error, whose name is that of the official server, which leaves the run to be retried."""
    return replace(failed(RuntimeError(str(stop)), state), set_aside=True)


def not_storable(outcome: Ending, reason: Exception) -> Ending:
    """The error that a run ends with when its real ending cannot be stored."""
    if not isinstance(reason, EncryptionFailed):  # which says so itself, and is looked for
        reason = ValueError(f"What the run has left cannot be stored. {reason}")
    return replace(failed(reason, NO_STATE), set_aside=outcome.set_aside)


def cancelled(action: CancelAction, reason: str, output: Any, state: ThreadState) -> Ending:
    """A cancel of either kind; after a rollback the thread's values are those of before the run."""
    return Ending(
        "rollback" if action == "rollback" else "interrupted",
        output=output,
        values=state.values,
        interrupts=state.interrupts,
        more_to_do=state.more_to_do,
        thread_error={"error": _CANCEL_NAMES[action], "message": reason},
    )


def attempts_used_up(run: Run) -> RunSetAside:
    return RunSetAside(
        f"the worker died {run.tries - 1} times while executing this run; "
        "it is not tried again unless it is retried"
    )
