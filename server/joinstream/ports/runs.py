"""The run queue: what Postgres decides about runs, each act one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

from joinstream.domain.access import Filter
from joinstream.domain.caps import Caps
from joinstream.domain.ids import AssistantId, RunId, ThreadId
from joinstream.domain.queue_position import QueuePosition
from joinstream.domain.run_record import NewRun, Run, RunKey
from joinstream.domain.runs import CancelAction, RunStatus


@dataclass(frozen=True, slots=True)
class Claimant:
    """A worker as the queue sees it: how long its leases are, which graphs it has, and what caps
    there are."""

    worker: str
    lease_seconds: float
    graph_ids: tuple[str, ...]
    caps: Caps | None = None


class Created(NamedTuple):
    """`run` is None when nothing was created; the rest: see `create_runs_v2`.

    Outcome `run_exists`: there is a run with this id, `other_run`.
    """

    outcome: Literal[
        "created",
        "claimed",
        "repeated",
        "thread_missing",
        "busy",
        "run_exists",
        "key_reused",
        "gone",
        "queue_full",
        "user_queue_full",
    ]
    run: Run | None
    other_run: RunId | None


class Cancellable(NamedTuple):
    """A run that is pending or running."""

    run_id: RunId
    thread_id: ThreadId
    is_running: bool


class CancelRequest(NamedTuple):
    """A cancel that was written to a run's row."""

    action: CancelAction
    reason: str | None


class Finished(NamedTuple):
    """`cancel` is what to end the run with when the outcome is `cancelled`.

    `work_waits`: another run could be claimed at once.
    """

    outcome: Literal["finished", "cancelled", "lost"]
    cancel: CancelRequest | None
    work_waits: bool


class Result(NamedTuple):
    """How a run stands: its output (None when it is not over, or no longer kept) and its error."""

    status: RunStatus
    output: Any
    error: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Ending:
    """Everything that is written when a run ends.

    `status` `rollback` deletes the run. `values` and `interrupts` are the thread's, None to leave
    them. `more_to_do`: the thread's last checkpoint has next nodes. `set_aside`: it is an error
    because the run's attempts are used up.
    """

    status: Literal["success", "error", "timeout", "interrupted", "rollback"]
    output: Any = None
    error: dict[str, Any] | None = None
    values: Any = None
    interrupts: dict[str, Any] | None = None
    more_to_do: bool = False
    thread_error: dict[str, Any] | None = None
    set_aside: bool = False


class QueueFigures(NamedTuple):
    """How the queue stands. Waits are those of runs that are due, in seconds; None when none is.

    `longest_unblocked_wait`: of the runs that could be claimed at once.
    """

    pending: int
    running: int
    longest_wait: float | None
    median_wait: float | None
    longest_unblocked_wait: float | None


class RunStore(Protocol):
    """Reads and the API's writes."""

    async def create(
        self, new: NewRun, claimant: Claimant | None, key: RunKey | None = None
    ) -> Created: ...

    async def create_together(self, new: Sequence[NewRun], key: RunKey | None) -> list[Created]:
        """Create stateless runs, all or none; a single refusal when it is none."""
        ...

    async def figures(self) -> QueueFigures: ...

    async def get(self, thread_id: ThreadId | None, run_id: RunId, visible: Filter) -> Run | None:
        """The run, when it belongs to the thread (None: whatever thread) and that is visible.

        A stateless run is visible by its own metadata.
        """
        ...

    async def status(self, run_id: RunId) -> RunStatus | None: ...

    async def has_begun(self, run_id: RunId) -> bool:
        """Whether a worker has ever claimed the run; False when it is gone."""
        ...

    async def queue_position(self, run_id: RunId) -> QueuePosition | None:
        """Where a pending run stands; None for any other."""
        ...

    async def result(self, run_id: RunId) -> Result | None: ...

    async def search(
        self, thread_id: ThreadId, *, status: RunStatus | None, limit: int, offset: int
    ) -> list[Run]:
        """Newest first."""
        ...

    async def count(
        self, thread_id: ThreadId, *, status: RunStatus | None, most: int | None
    ) -> int:
        """How many `search` would find, counted up to `most`."""
        ...

    async def active(
        self,
        statuses: list[str],
        thread_id: ThreadId | None,
        run_ids: list[RunId],
        visible: Filter,
    ) -> list[Cancellable]:
        """Runs in one of the statuses; of one thread and with these ids when they are given."""
        ...

    async def active_of_assistant(self, assistant_id: AssistantId) -> list[Cancellable]:
        """Runs of the assistant that are pending or running."""
        ...

    async def cancel(
        self, run_id: RunId, action: CancelAction, reason: str
    ) -> Literal["missing", "ended", "cancelled", "requested"]: ...

    async def set_aside(self, visible: Filter, *, limit: int, offset: int) -> list[Run]:
        """Runs that were set aside, newest first."""
        ...

    async def count_set_aside(self, visible: Filter) -> int: ...

    async def retry(
        self, run_id: RunId
    ) -> Literal["missing", "not_set_aside", "overtaken", "retried"]:
        """Put a run that was set aside back into the queue; the outcomes: see `retry_run_v1`."""
        ...

    async def delete_ended(self, run_id: RunId) -> bool:
        """Delete a run that is over. False when it is active or unknown."""
        ...


class RunQueue(Protocol):
    """The worker's side. Every write is fenced by (run_id, epoch)."""

    async def claim(self, claimant: Claimant, slots: int, ended: Sequence[Run] = ()) -> list[Run]:
        """Claim due runs, within the claimant's caps.

        `ended`: runs that have ended here since the last claim, and so make room.
        """
        ...

    async def open_held(self, claimant: Claimant) -> int:
        """Let go on what caps hold without need; how many runs.

        For the clock: `claim` does the same for the runs it is told of.
        """
        ...

    async def take_over(self, claimant: Claimant, slots: int, *, idle: bool = True) -> list[Run]:
        """Claim runs whose lease has expired.

        A suspect (see `is_suspect`) comes alone, and goes to an `idle` worker, which executes
        nothing, unless it has waited for long.
        """
        ...

    async def finish(self, run: Run, ending: Ending) -> Finished: ...

    async def release(self, run: Run) -> bool: ...

    async def sweep(self, temporary_retention: float, output_retention: float, limit: int) -> int:
        """Delete stateless runs, and forget outputs, that ended longer ago (s); rows touched.

        Those that an idempotency key stands for are kept until it has expired; then the key goes.
        """
        ...


class LeaseStore(Protocol):
    """What the lease keeper needs; it has a connection of its own."""

    async def renew(
        self, leases: Sequence[tuple[RunId, int]], lease_seconds: float
    ) -> dict[RunId, CancelRequest | None]:
        """Renew (run_id, epoch) leases; a run missing from the answer is lost."""
        ...
