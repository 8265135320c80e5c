"""Bodies of the thread state routes."""

from typing import Annotated, Any
from uuid import UUID

from langgraph.types import StateUpdate
from pydantic import AfterValidator, BeforeValidator, Field

from joinstream.domain.commands import as_command
from joinstream.domain.state_view import StateView
from joinstream.http.schemas.base import Body, Id, Limit, Object, Query
from joinstream.http.schemas.runs import Command
from joinstream.http.validation import one_of
from joinstream.services.thread_states import HistoryQuery


class CheckpointRef(Body):
    """A checkpoint of the thread in the path; without an id the latest of the namespace."""

    checkpoint_id: Id | None = None
    checkpoint_ns: str | None = None
    checkpoint_map: dict[str, str] | None = None

    def keys(self) -> dict[str, Any]:
        return self.model_dump(mode="json", exclude_none=True)


class CheckpointConfig(Body):
    """A config that names a checkpoint."""

    configurable: CheckpointRef


def _as_checkpoint(given: Any) -> Any:
    """A checkpoint's id, or a config that holds one, as a checkpoint."""
    if isinstance(given, str):
        return {"checkpoint_id": given}
    if isinstance(given, dict) and isinstance(given.get("configurable"), dict):
        return given["configurable"]
    return given


CheckpointInAnyForm = Annotated[
    CheckpointRef,
    BeforeValidator(_as_checkpoint, json_schema_input_type=CheckpointRef | CheckpointConfig | UUID),
]

_STATE_FIELDS = tuple(StateView.__annotations__)


def _field_or_key(name: str) -> str:
    if name not in _STATE_FIELDS and not name.startswith("values."):
        raise ValueError(f"must be values.<key>, {one_of(_STATE_FIELDS)}")
    return name


FieldOrKey = Annotated[
    str,
    AfterValidator(_field_or_key),
    Field(json_schema_extra={"pattern": rf"^(values\..*|{'|'.join(_STATE_FIELDS)})$"}),
]
StateSelect = list[FieldOrKey]
"""Fields of a state, or `values.<key>`."""


class StateAt(Body):
    """Which state to read."""

    checkpoint: CheckpointRef = CheckpointRef()
    subgraphs: bool = False
    select: StateSelect | None = None


class StateUpdateBody(Body):
    """Values to write as if `as_node` had returned them; null runs the node's edges only."""

    values: Object | list[Any] | None = None
    as_node: str | None = None
    checkpoint: CheckpointRef = CheckpointRef()
    checkpoint_id: Id | None = None

    def at(self) -> dict[str, Any]:
        keys = self.checkpoint.keys()
        return {**keys, "checkpoint_id": str(self.checkpoint_id)} if self.checkpoint_id else keys


class SuperstepUpdate(Body):
    """What one node did in a superstep: returned values, or a command."""

    as_node: str
    values: Object | list[Any] | None = None
    command: Command | None = None

    def update(self) -> StateUpdate:
        # langgraph takes more than its type says: lists, and commands
        values: Any = self.values
        if self.command is not None:
            command: Any = self.command.model_dump(exclude_none=True)
            values = as_command(command)
        return StateUpdate(values, self.as_node)


class Superstep(Body):
    """The updates of one superstep."""

    updates: Annotated[list[SuperstepUpdate], Field(min_length=1)]


class History(Body):
    """Which checkpoints to list, newest first.

    `before` is a checkpoint, its id, or a config with `configurable.checkpoint_id`.
    """

    limit: Limit = 1
    before: CheckpointInAnyForm = CheckpointRef()
    checkpoint: CheckpointRef = CheckpointRef()
    metadata: Object | None = None
    select: StateSelect | None = None

    def query(self) -> HistoryQuery:
        return HistoryQuery(
            limit=self.limit,
            before=self.before.keys(),
            checkpoint=self.checkpoint.keys(),
            metadata=self.metadata,
        )


class StateQuery(Query):
    """Whether the states of subgraphs come along, and which fields are wanted, none: all."""

    subgraphs: bool = False
    select: StateSelect = Field(default_factory=list)


class HistoryPage(Query):
    """Which checkpoints to list, newest first: those before one of them."""

    limit: Limit = 1
    before: Id | None = None
    select: StateSelect = Field(default_factory=list)

    def query(self) -> HistoryQuery:
        before = {"checkpoint_id": str(self.before)} if self.before else {}
        return HistoryQuery(limit=self.limit, before=before)
