"""Bodies of the thread state routes."""

from typing import Annotated, Any
from uuid import UUID

from langgraph.types import StateUpdate
from pydantic import AfterValidator, Discriminator, Field, Tag

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


def _form_of(given: Any) -> str:
    if isinstance(given, str):
        return "id"
    return "config" if isinstance(given, dict) and "configurable" in given else "checkpoint"


def _any_of(schema: dict[str, Any]) -> None:
    """One of them is read, but what is given may look like two of them."""
    schema["anyOf"] = schema.pop("oneOf")


CheckpointInAnyForm = Annotated[
    Annotated[CheckpointRef, Tag("checkpoint")]
    | Annotated[CheckpointConfig, Tag("config")]
    | Annotated[Id, Tag("id")],
    Discriminator(_form_of),
    Field(json_schema_extra=_any_of),
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
            before=self._before().keys(),
            checkpoint=self.checkpoint.keys(),
            metadata=self.metadata,
        )

    def _before(self) -> CheckpointRef:
        if isinstance(self.before, UUID):
            return CheckpointRef(checkpoint_id=self.before)
        if isinstance(self.before, CheckpointConfig):
            return self.before.configurable
        return self.before


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
