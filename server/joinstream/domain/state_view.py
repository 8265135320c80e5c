"""A graph's StateSnapshot as clients see it."""

from collections.abc import Iterable, Mapping
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.types import Interrupt, PregelTask, StateSnapshot
from typing_extensions import TypedDict

from joinstream.domain.failures import failure_of


class CheckpointView(TypedDict, total=False):
    """Names a checkpoint. `checkpoint_map` leads from a subgraph's checkpoint to its parents'."""

    thread_id: str
    checkpoint_ns: str
    checkpoint_id: str | None
    checkpoint_map: dict[str, Any]


class InterruptView(TypedDict):
    """`id` is what `Command(resume={id: …})` answers."""

    id: str
    value: Any
    response_schema: Any


class TaskView(TypedDict):
    """A task of the next step. A subgraph has either its `checkpoint` or its whole `state`."""

    id: str
    name: str
    path: list[Any]
    error: str | None
    interrupts: list[InterruptView]
    checkpoint: CheckpointView | None
    state: "StateView | None"
    result: Any


class StateView(TypedDict):
    """A thread's state at one checkpoint; `next` are the nodes that would execute next."""

    values: Any
    next: list[str]
    tasks: list[TaskView]
    metadata: dict[str, Any]
    created_at: str | None
    checkpoint: CheckpointView
    parent_checkpoint: CheckpointView | None
    interrupts: list[InterruptView]
    checkpoint_id: str | None
    parent_checkpoint_id: str | None


def state_view(snapshot: StateSnapshot) -> StateView:
    checkpoint = checkpoint_view(snapshot.config)
    parent = checkpoint_view(snapshot.parent_config) if snapshot.parent_config else None
    return StateView(
        values=snapshot.values,
        next=list(snapshot.next),
        tasks=[_task_view(task) for task in snapshot.tasks],
        metadata=dict(snapshot.metadata or {}),
        created_at=snapshot.created_at,
        checkpoint=checkpoint,
        parent_checkpoint=parent,
        interrupts=[interrupt_view(interrupt) for interrupt in snapshot.interrupts],
        checkpoint_id=checkpoint["checkpoint_id"],
        parent_checkpoint_id=parent["checkpoint_id"] if parent else None,
    )


def empty_state_view(thread_id: str, checkpoint_id: str | None = None) -> StateView:
    """The state of a thread on which no graph has run yet."""
    return StateView(
        values={},
        next=[],
        tasks=[],
        metadata={},
        created_at=None,
        checkpoint=CheckpointView(
            thread_id=thread_id, checkpoint_ns="", checkpoint_id=checkpoint_id
        ),
        parent_checkpoint=None,
        interrupts=[],
        checkpoint_id=checkpoint_id,
        parent_checkpoint_id=None,
    )


def checkpoint_view(config: RunnableConfig) -> CheckpointView:
    """The checkpoint a config names, without the rest of its `configurable`."""
    configurable = config["configurable"]
    view = CheckpointView(
        thread_id=str(configurable["thread_id"]),
        checkpoint_ns=configurable.get("checkpoint_ns", ""),
        checkpoint_id=configurable.get("checkpoint_id"),
    )
    if configurable.get("checkpoint_map"):
        view["checkpoint_map"] = configurable["checkpoint_map"]
    return view


def interrupt_view(interrupt: Interrupt[Any]) -> InterruptView:
    return InterruptView(
        id=interrupt.id, value=interrupt.value, response_schema=interrupt.response_schema
    )


def _task_view(task: PregelTask) -> TaskView:
    nested = state_view(task.state) if isinstance(task.state, StateSnapshot) else None
    config = None if isinstance(task.state, StateSnapshot) else task.state
    return TaskView(
        id=task.id,
        name=task.name,
        path=list(task.path),
        error=_error_text(task.error),
        interrupts=[interrupt_view(interrupt) for interrupt in task.interrupts],
        checkpoint=checkpoint_view(config) if config else None,
        state=nested,
        result=task.result,
    )


def _error_text(error: Any) -> str | None:
    if isinstance(error, BaseException):
        failure = failure_of(error)
        return f"{failure['error']}: {failure['message']}"
    return None if error is None else str(error)


def selected(view: StateView, select: Iterable[str] | None) -> Mapping[str, Any]:
    """Only the selected fields; `values.<key>` selects one key of the values."""
    if select is None:
        return view
    fields = set(select)
    shown = {name: value for name, value in view.items() if name in fields}
    keys = {name.removeprefix("values.") for name in fields if name.startswith("values.")}
    if keys and "values" not in fields and isinstance(view["values"], Mapping):
        shown["values"] = {key: view["values"][key] for key in view["values"] if key in keys}
    return shown
