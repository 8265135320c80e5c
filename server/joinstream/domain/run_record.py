"""A run as the queue knows it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from joinstream.domain.access import Filter
from joinstream.domain.ids import AssistantId, RunId, ThreadId
from joinstream.domain.runs import CancelAction, MultitaskStrategy, RunStatus


@dataclass(frozen=True, slots=True)
class Run:
    """One row of `runs`. `kwargs` is what the client asked for, in the official server's keys.

    `blocked`: it is behind another run of its thread.
    `set_aside_at`: when it failed because its attempts were used up; None when it did not.
    """

    run_id: RunId
    thread_id: ThreadId
    temporary: bool
    assistant_id: AssistantId
    graph_id: str
    status: RunStatus
    blocked: bool
    attempt: int
    forgiven_attempts: int
    epoch: int
    cancel_action: CancelAction | None
    cancel_reason: str | None
    multitask_strategy: MultitaskStrategy
    priority: int
    concurrency_key: str | None
    user_id: str | None
    timeout_seconds: float | None
    kwargs: dict[str, Any]
    metadata: dict[str, Any]
    error: dict[str, Any] | None
    created_at: datetime
    run_after: datetime
    updated_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    set_aside_at: datetime | None

    @property
    def end_epoch(self) -> int:
        """The first epoch in which it can end, or has: any end before was undone by a retry."""
        return self.epoch + 1 if self.status == "pending" else self.epoch

    @property
    def tries(self) -> int:
        """Attempts that count towards the limit: those since it was created, or last retried."""
        return self.attempt - self.forgiven_attempts


@dataclass(frozen=True, slots=True)
class RunKey:
    """An idempotency key as the client sent it, and a digest of the request it came with."""

    text: str
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class NewRun:
    """What a run is created from; see `create_run_v2` in the migrations for what happens to it.

    An existing thread has to pass `visible`. `user_id` is the caller's identity, None without auth.
    """

    run_id: RunId
    thread_id: ThreadId
    temporary: bool
    create_thread: bool
    assistant_id: AssistantId
    graph_id: str
    multitask_strategy: MultitaskStrategy
    delay_seconds: float
    timeout_seconds: float | None
    priority: int
    concurrency_key: str | None
    user_id: str | None
    kwargs: dict[str, Any]
    assistant_metadata: dict[str, Any]
    metadata: dict[str, Any]
    thread_metadata: dict[str, Any]
    thread_config: dict[str, Any]
    visible: Filter = None
