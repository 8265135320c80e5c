"""The `kwargs` of a run: what the client asked for, in the keys the official server stores."""

from typing import Any, NotRequired, TypedDict

from joinstream.domain.runs import Durability
from joinstream.domain.stream_modes import StreamMode


class RunConfig(TypedDict, total=False):
    """`configurable` is always there in a stored run."""

    tags: list[str]
    recursion_limit: int
    configurable: dict[str, Any]
    metadata: dict[str, Any]
    run_name: str
    max_concurrency: int


class RunCommand(TypedDict, total=False):
    """A LangGraph Command as JSON."""

    update: Any
    resume: Any
    goto: Any


class EventStreaming(TypedDict):
    """How a run was started by the event-streaming protocol; `answers` are ids of interrupts."""

    answers: list[str]


class RunKwargs(TypedDict):
    """Everything an execution needs to know of the request."""

    input: Any
    command: RunCommand | None
    config: RunConfig
    context: dict[str, Any]
    stream_mode: list[StreamMode]
    interrupt_before: list[str] | str | None
    interrupt_after: list[str] | str | None
    webhook: str | None
    feedback_keys: list[str] | None
    temporary: bool
    subgraphs: bool
    resumable: bool
    durability: Durability
    strict_resume: NotRequired[bool]
    event_streaming: NotRequired[EventStreaming]
