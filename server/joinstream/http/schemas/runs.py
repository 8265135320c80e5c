"""Bodies of the run routes."""

from collections.abc import Collection
from datetime import datetime
from typing import Annotated, Any, Literal, NotRequired, get_args
from uuid import UUID

from pydantic import BeforeValidator, Field, RootModel, field_validator
from typing_extensions import TypedDict

from joinstream.domain.ids import RunId
from joinstream.domain.queue_position import WaitsFor
from joinstream.domain.run_request import RunRequest
from joinstream.domain.runs import (
    CancelAction,
    Durability,
    IfNotExists,
    MultitaskStrategy,
    OnCompletion,
    OnDisconnect,
    RunStatus,
)
from joinstream.domain.stream_modes import DEFAULT_STREAM_MODES, StreamMode
from joinstream.http.headers import POSITION_PATTERN
from joinstream.http.schemas.base import (
    Body,
    Config,
    Context,
    Id,
    Limit,
    Metadata,
    Object,
    Offset,
    Query,
)
from joinstream.streams.event_filter import EventFilter


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


StreamModes = Annotated[
    list[StreamMode],
    BeforeValidator(_as_list, json_schema_input_type=StreamMode | list[StreamMode]),
]


def _is_uuid(value: Any) -> bool:
    try:
        UUID(value)
    except (ValueError, TypeError, AttributeError):
        return False
    return True


def _without_nulls(checkpoint: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in checkpoint.items() if value is not None}


class SendTo(Body):
    """A LangGraph Send: go to a node with an input of its own."""

    node: str
    input: Any = None


KeyAndValue = Annotated[tuple[str, Any], Field(strict=False)]


class Command(Body):
    """A LangGraph Command: resume an interrupt, update the state, go to nodes."""

    update: Object | list[KeyAndValue] | None = None
    resume: Any = None
    goto: str | SendTo | list[str | SendTo] | None = None


class Checkpoint(Body):
    """Where in a thread's history the run starts; absent ids mean the latest."""

    thread_id: Id | None = None
    checkpoint_ns: str | None = None
    checkpoint_id: Id | None = None
    checkpoint_map: dict[str, Any] | None = None


Nodes = Literal["*"] | list[str] | None

LONGEST_DELAY_SECONDS = 100 * 366 * 86400
HIGHEST_PRIORITY = 1000


Timeout = Annotated[float | int, Field(gt=0)]
Priority = Annotated[int, Field(ge=-HIGHEST_PRIORITY, le=HIGHEST_PRIORITY)]
ConcurrencyKey = Annotated[str, Field(min_length=1, max_length=255)]


class RunOptionsQuery(Query):
    """What a run's body may say too, for the official clients, whose methods have arguments for a
    query but none for further fields. The body counts where both say it."""

    run_id: UUID | None = None
    timeout_seconds: Timeout | None = None
    priority: Priority | None = None
    concurrency_key: ConcurrencyKey | None = None


_NOTHING_MORE = RunOptionsQuery()


class RunCreate(Body):
    """A run on a thread, or a stateless one. `assistant_id` is an id or a graph name."""

    assistant_id: Annotated[str, Field(min_length=1)]
    input: Any = None
    command: Command | None = None
    config: Config = Field(default_factory=dict)
    context: Context = Field(default_factory=dict)
    metadata: Metadata = Field(default_factory=dict)
    checkpoint: Checkpoint | None = None
    checkpoint_id: Id | None = None
    stream_mode: StreamModes | None = None
    stream_subgraphs: bool | None = None
    stream_resumable: bool | None = None
    interrupt_before: Nodes = None
    interrupt_after: Nodes = None
    webhook: Annotated[str, Field(min_length=1, max_length=65536)] | None = None
    feedback_keys: list[str] | None = None
    multitask_strategy: MultitaskStrategy | None = None
    if_not_exists: IfNotExists | None = None
    on_completion: OnCompletion | None = None
    on_disconnect: OnDisconnect | None = None
    after_seconds: Annotated[float | int, Field(le=LONGEST_DELAY_SECONDS)] | None = None
    durability: Durability | None = None
    checkpoint_during: bool | None = None
    strict_resume: bool | None = None
    run_id: Id | None = None
    timeout_seconds: Timeout | None = None
    priority: Priority | None = None
    concurrency_key: ConcurrencyKey | None = None

    @field_validator("config")
    @classmethod
    def _names_a_checkpoint_by_its_id(cls, config: Object) -> Object:
        named = (config.get("configurable") or {}).get("checkpoint_id")
        if named not in (None, "") and not _is_uuid(named):
            raise ValueError(f"configurable.checkpoint_id must be a valid UUID, got {named!r:.80}")
        return config

    def request(self, query: RunOptionsQuery = _NOTHING_MORE) -> RunRequest:
        """The request with every default filled in."""
        run_id = self.run_id or query.run_id
        priority = query.priority if self.priority is None else self.priority
        return RunRequest(
            assistant=self.assistant_id,
            input=self.input,
            command=self._command(),
            config=self.config,  # type: ignore[arg-type]  # its shape was checked
            context=self.context,
            metadata=self.metadata,
            checkpoint=self._checkpoint(),
            stream_mode=tuple(self.stream_mode or DEFAULT_STREAM_MODES),
            subgraphs=bool(self.stream_subgraphs),
            resumable=bool(self.stream_resumable),
            interrupt_before=self.interrupt_before,
            interrupt_after=self.interrupt_after,
            webhook=self.webhook,
            feedback_keys=self.feedback_keys,
            multitask_strategy=self.multitask_strategy or "enqueue",
            if_not_exists=self.if_not_exists or "reject",
            on_completion=self.on_completion or "delete",
            after_seconds=float(self.after_seconds or 0),
            durability=self._durability(),
            strict_resume=bool(self.strict_resume),
            run_id=RunId(run_id) if run_id else None,
            timeout_seconds=self.timeout_seconds or query.timeout_seconds,
            priority=priority or 0,
            concurrency_key=self.concurrency_key or query.concurrency_key,
        )

    def _command(self) -> Any:
        return self.command.model_dump(exclude_none=True) if self.command else None

    def _checkpoint(self) -> dict[str, Any]:
        asked = self.checkpoint.model_dump(mode="json") if self.checkpoint else {}
        if self.checkpoint_id is not None:
            asked["checkpoint_id"] = str(self.checkpoint_id)
        asked.pop("thread_id", None)
        return _without_nulls(asked)

    def _durability(self) -> Durability:
        if self.durability is not None:
            return self.durability
        return "exit" if self.checkpoint_during is False else "async"


class RunBatch(RootModel[Annotated[list[RunCreate], Field(min_length=1)]]):
    """Stateless runs to create together."""


class RunsCancel(Body):
    """Which runs to cancel: by `status`, or by `thread_id` and `run_ids`."""

    status: Literal["pending", "running", "all"] | None = None
    thread_id: Id | None = None
    run_ids: list[Id] | None = None


class CancelHow(Query):
    """What becomes of cancelled runs: they keep what they did, or leave nothing behind."""

    action: CancelAction = "interrupt"


class CancelQuery(CancelHow):
    """With `wait`, the answer comes when the run is really over."""

    wait: bool = False
    reason: str = "cancelled by request"


class JoinQuery(Query):
    """Whether the run is to be cancelled when this client leaves."""

    cancel_on_disconnect: bool = False


class EventsQuery(Query):
    """Which events of a stream are wanted, by where in the graph they come from.

    `namespace`: `node:<task id>|node:<task id>|…` from the root graph, which is the empty text; a
    node's name alone stands for all its tasks. What lies further below comes along as deep as
    `depth` says. Without a namespace, `depth` counts from the root graph. `node`: only what these
    nodes produce, in their subgraphs too, and what no node is the author of. `merge_messages`: what
    comes together of one message comes as one event.
    """

    keeps_empty = frozenset({"namespace"})

    namespace: list[str] = Field(default_factory=list)
    depth: Annotated[int, Field(ge=0)] | None = None
    node: list[str] = Field(default_factory=list)
    merge_messages: bool = False

    def filter(self, modes: Collection[str] = ()) -> EventFilter:
        """`modes`: those that are wanted, none named: all."""
        namespaces = [tuple(text.split("|")) if text else () for text in self.namespace]
        return EventFilter(
            modes=frozenset(modes) or None,
            namespaces=namespaces or None,
            depth=0 if namespaces and self.depth is None else self.depth,
            nodes=frozenset(self.node) or None,
            merges=self.merge_messages,
        )


class StreamRunQuery(RunOptionsQuery, EventsQuery):
    """What a run's body may say too, and which of the run's events are wanted."""


class PositionQuery(Query):
    """Where a stream is to begin.

    `last_event_id` is for an EventSource, which cannot send the header at first. When it comes back
    it does, to the same address: so the header counts for more.
    """

    last_event_id: str = Field(default="", json_schema_extra={"pattern": POSITION_PATTERN})


class StreamQuery(JoinQuery, EventsQuery, PositionQuery):
    """Which of the run's events are wanted; none named: all of them."""

    stream_mode: list[str] = Field(default_factory=list)


ThreadStreamMode = Literal["run_modes", "lifecycle", "state_update"]


class ThreadStreamQuery(EventsQuery, PositionQuery):
    """What of a thread is wanted: all events of its runs (`run_modes`, also when nothing is named),
    only where runs begin and end (`lifecycle`), changes of the state between them (`state_update`).

    `stream_modes` is the official server's name of what the official clients call `stream_mode`.
    """

    stream_mode: list[ThreadStreamMode] = Field(default_factory=list)
    stream_modes: list[ThreadStreamMode] = Field(default_factory=list)

    def modes(self) -> frozenset[ThreadStreamMode]:
        return frozenset((*self.stream_mode, *self.stream_modes)) or frozenset({"run_modes"})


RunField = Literal[
    "run_id",
    "thread_id",
    "assistant_id",
    "status",
    "metadata",
    "kwargs",
    "multitask_strategy",
    "created_at",
    "updated_at",
    "attempt",
    "error",
    "cancel_reason",
    "priority",
    "concurrency_key",
    "timeout_seconds",
    "set_aside_at",
]
RUN_FIELDS: tuple[RunField, ...] = get_args(RunField)


class RunsQuery(Query):
    """One page of a thread's runs; `select` names the fields to answer with, none: all."""

    limit: Limit = 10
    offset: Offset = 0
    status: RunStatus | None = None
    select: list[RunField] = Field(default_factory=list)


class ServerSentEvent(TypedDict):
    """One event of a stream. `data` is JSON; `id` is what to send as Last-Event-ID."""

    event: str
    data: str
    id: NotRequired[str]


class SetAsideQuery(Query):
    """One page of the runs that were set aside; `select` as for a thread's runs."""

    limit: Limit = 10
    offset: Offset = 0
    select: list[RunField] = Field(default_factory=list)


class QueueOut(TypedDict):
    """What a pending run waits for, and how many runs come first there, counted up to 1000.

    One that waits for its time has no position, but a time.
    """

    position: int | None
    waits_for: WaitsFor
    due_at: NotRequired[datetime]


class RunOut(TypedDict):
    """A run, as it is answered."""

    run_id: UUID
    thread_id: UUID
    assistant_id: UUID
    status: RunStatus
    metadata: dict[str, Any]
    kwargs: dict[str, Any]
    multitask_strategy: MultitaskStrategy
    created_at: datetime
    updated_at: datetime
    attempt: int
    error: dict[str, Any] | None
    cancel_reason: str | None
    priority: int
    concurrency_key: NotRequired[str]
    timeout_seconds: NotRequired[float]
    set_aside_at: NotRequired[datetime]


class RunInQueue(RunOut):
    """A run by itself, which also tells where it stands while it is pending."""

    queue: NotRequired[QueueOut]


RUN_OPTIONS = RunOut.__optional_keys__
