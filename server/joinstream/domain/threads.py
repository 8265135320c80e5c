"""Threads: what clients see of them, and how they may be searched."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, get_args
from uuid import UUID

from joinstream.domain.access import Filter
from joinstream.domain.assistants import SortDirection
from joinstream.domain.events import EventId
from joinstream.domain.ids import RunId, ThreadId
from joinstream.domain.runs import ThreadStatus

TtlStrategy = Literal["delete", "keep_latest"]
ThreadField = Literal[
    "thread_id",
    "created_at",
    "updated_at",
    "state_updated_at",
    "metadata",
    "status",
    "config",
    "values",
    "interrupts",
    "error",
    "active_run_id",
]
THREAD_FIELDS: tuple[ThreadField, ...] = get_args(ThreadField)
ExtractRoot = Literal["values", "metadata", "config", "interrupts"]
EXTRACT_ROOTS: tuple[ExtractRoot, ...] = get_args(ExtractRoot)
ThreadOrder = Literal["thread_id", "status", "created_at", "updated_at", "state_updated_at"]
PruneStrategy = Literal["delete", "keep_latest"]
MAX_TTL_MINUTES = 100 * 366 * 24 * 60


@dataclass(frozen=True, slots=True)
class Thread:
    """As clients see it. `interrupts` maps a task's id to what it waits for.

    `active_run_id` is the run that keeps a busy thread busy: the one that executes, else the next.
    """

    thread_id: ThreadId
    created_at: datetime
    updated_at: datetime
    state_updated_at: datetime
    metadata: dict[str, Any]
    status: ThreadStatus
    config: dict[str, Any]
    values: Any
    interrupts: dict[str, Any]
    error: dict[str, Any] | None
    active_run_id: RunId | None

    @property
    def graph_id(self) -> str | None:
        """The graph that the thread's state belongs to, None before its first run."""
        graph_id = self.metadata.get("graph_id")
        return graph_id if isinstance(graph_id, str) else None

    @property
    def before_first_event(self) -> EventId:
        """What every event of the thread comes after, and none of a deleted one of the same id: a
        thread's epochs count on from the milliseconds of its creation."""
        return EventId(int(self.created_at.timestamp() * 1000), 0)


@dataclass(frozen=True, slots=True)
class Ttl:
    """What becomes of a thread `ttl` minutes after it was last used."""

    strategy: TtlStrategy
    ttl: float


@dataclass(frozen=True, slots=True)
class ThreadTtl:
    """A thread's time to live as clients see it."""

    strategy: TtlStrategy
    ttl: float
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class ThreadFilter:
    """All that is given must hold. Objects are matched by containment, None matches everything.

    `visible` is what the caller may see.
    """

    metadata: dict[str, Any] | None = None
    values: dict[str, Any] | None = None
    status: ThreadStatus | None = None
    ids: list[UUID] | None = None
    visible: Filter = None


@dataclass(frozen=True, slots=True)
class Extract:
    """A value to pick out of each thread: `root` is a field, `path` leads on from there."""

    alias: str
    root: ExtractRoot
    path: list[str]


@dataclass(frozen=True, slots=True)
class ThreadQuery:
    """One page of a search; `select` None gives every field, `exact` an exact total."""

    filter: ThreadFilter
    limit: int = 10
    offset: int = 0
    sort_by: ThreadOrder = "updated_at"
    sort_order: SortDirection = "desc"
    select: list[ThreadField] | None = None
    extract: list[Extract] = field(default_factory=list)
    exact: bool = False
