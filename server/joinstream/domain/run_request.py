"""A request for a run, and the rules that turn it into the run's kwargs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from joinstream.domain.identity import PERMISSIONS_KEY, USER_ID_KEY, USER_KEY
from joinstream.domain.ids import RunId
from joinstream.domain.kwargs import EventStreaming, RunCommand, RunConfig, RunKwargs
from joinstream.domain.reserved import RESERVED_CONFIGURABLE
from joinstream.domain.runs import Durability, IfNotExists, MultitaskStrategy, OnCompletion
from joinstream.domain.stream_modes import DEFAULT_STREAM_MODES, StreamMode

CHECKPOINT_KEYS = frozenset({"checkpoint_id", "checkpoint_ns", "checkpoint_map"})
_NOT_THE_USERS = CHECKPOINT_KEYS | {"thread_id", "run_id", "graph_id", "assistant_id", "cron_id"}


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What a client asks for, already validated in shape. `assistant` is an id or a graph name."""

    assistant: str
    input: Any = None
    command: RunCommand | None = None
    config: RunConfig = field(default_factory=lambda: RunConfig())
    context: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    checkpoint: dict[str, Any] = field(default_factory=dict)
    stream_mode: tuple[StreamMode, ...] = DEFAULT_STREAM_MODES
    subgraphs: bool = False
    resumable: bool = False
    interrupt_before: list[str] | str | None = None
    interrupt_after: list[str] | str | None = None
    webhook: str | None = None
    feedback_keys: list[str] | None = None
    multitask_strategy: MultitaskStrategy = "enqueue"
    if_not_exists: IfNotExists = "reject"
    on_completion: OnCompletion = "delete"
    after_seconds: float = 0
    durability: Durability = "async"
    strict_resume: bool = False
    run_id: RunId | None = None
    timeout_seconds: float | None = None
    priority: int = 0
    concurrency_key: str | None = None
    event_streaming: EventStreaming | None = None


def merged_config(assistant_config: dict[str, Any], request: RunRequest) -> RunConfig:
    """The run's config: the assistant's, overlaid by the request's; `configurable` key by key.

    A request's context is mirrored into `configurable`, where graphs before LangGraph 0.6 read it.
    """
    configurable = {
        **assistant_config.get("configurable", {}),
        **request.context,
        **request.config.get("configurable", {}),
        **request.checkpoint,
    }
    merged: dict[str, Any] = {**assistant_config, **request.config, "configurable": configurable}
    return merged  # type: ignore[return-value]  # a RunConfig with the client's further keys


def with_headers(config: Mapping[str, Any], headers: Mapping[str, str]) -> RunConfig:
    """The config with headers of the request in `configurable`, where they replace the client's own
    values but nothing of the server's.
    """
    taken = {
        name: text
        for name, text in headers.items()
        if name not in _NOT_THE_USERS | RESERVED_CONFIGURABLE
    }
    configurable = {**(config.get("configurable") or {}), **taken}
    return {**config, "configurable": configurable}  # type: ignore[typeddict-item]  # its other keys


def config_of_thread(config: RunConfig) -> dict[str, Any]:
    """What its thread shows of a run's config. Later runs inherit no settings from it."""
    return {**config, "configurable": {}}


def settings_of(configurable: Mapping[str, Any]) -> dict[str, Any]:
    """What a run was configured with: neither where on its thread it began, nor who created it."""
    about_the_run = CHECKPOINT_KEYS | {USER_KEY, USER_ID_KEY, PERMISSIONS_KEY}
    return {key: value for key, value in configurable.items() if key not in about_the_run}


def sets_configurable(config: RunConfig) -> bool:
    """Whether the client put settings of its own into `configurable`, beside ids."""
    return any(key not in _NOT_THE_USERS for key in config.get("configurable", {}))


def kwargs_of(
    request: RunRequest, config: RunConfig, context: dict[str, Any], *, temporary: bool
) -> RunKwargs:
    kwargs = RunKwargs(
        input=request.input,
        command=request.command,
        config=config,
        context=context,
        stream_mode=list(request.stream_mode),
        interrupt_before=request.interrupt_before,
        interrupt_after=request.interrupt_after,
        webhook=request.webhook,
        feedback_keys=request.feedback_keys,
        temporary=temporary,
        subgraphs=request.subgraphs,
        resumable=request.resumable,
        durability=request.durability,
    )
    if request.strict_resume:
        kwargs["strict_resume"] = True
    if request.event_streaming is not None:
        kwargs["event_streaming"] = request.event_streaming
    return kwargs
