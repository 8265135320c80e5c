"""Bodies of the assistant routes."""

from typing import Annotated

from pydantic import Field

from joinstream.domain.assistants import AssistantField, AssistantOrder, IfExists, SortDirection
from joinstream.domain.ids import AssistantId
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
from joinstream.ports.assistants import AssistantChange, AssistantFilter, NewAssistant
from joinstream.services.assistants import new_assistant_id

Version = Annotated[int, Field(ge=1, le=2**31 - 1)]


class AssistantCreate(Body):
    """A new assistant of a graph. `config.configurable` and `context` are the same settings."""

    graph_id: str
    assistant_id: Id | None = None
    name: str = "Untitled"
    description: str | None = None
    config: Config = Field(default_factory=dict)
    context: Context = Field(default_factory=dict)
    metadata: Metadata = Field(default_factory=dict)
    if_exists: IfExists = "raise"

    def new_assistant(self) -> NewAssistant:
        return NewAssistant(
            assistant_id=AssistantId(self.assistant_id)
            if self.assistant_id
            else new_assistant_id(),
            graph_id=self.graph_id,
            name=self.name,
            description=self.description,
            config=self.config,
            context=self.context,
            metadata=self.metadata,
        )


class AssistantPatch(Body):
    """A new version: metadata is merged, everything else that is given is replaced."""

    graph_id: str | None = None
    name: str | None = None
    description: str | None = None
    config: Config | None = None
    context: Context | None = None
    metadata: Metadata | None = None

    def change(self) -> AssistantChange:
        return AssistantChange(
            self.graph_id, self.name, self.description, self.config, self.context, self.metadata
        )


class AssistantCount(Body):
    """`name` is a part of the name in any case; `metadata` is matched by containment."""

    graph_id: str | None = None
    name: str | None = None
    metadata: Object | None = None

    def wanted(self) -> AssistantFilter:
        return AssistantFilter(self.graph_id, self.name, self.metadata)


class AssistantSearch(AssistantCount):
    """One page of the matching assistants."""

    limit: Limit = 10
    offset: Offset = 0
    sort_by: AssistantOrder = "created_at"
    sort_order: SortDirection = "desc"
    select: list[AssistantField] | None = None


class AssistantVersionsQuery(Body):
    """One page of an assistant's versions, newest first."""

    limit: Limit = 10
    offset: Offset = 0
    metadata: Object = Field(default_factory=dict)


class AssistantLatest(Body):
    """The version to make current again."""

    version: Version


class AssistantDelete(Query):
    """Whether the threads that belong to the assistant go with it."""

    delete_threads: bool = False


class Drawing(Query):
    """Whether subgraphs are drawn inside, or how many levels of them."""

    xray: Annotated[Annotated[int, Field(ge=0)] | bool, Field(union_mode="left_to_right")] = False


class SubgraphsQuery(Query):
    """Whether the subgraphs of subgraphs are listed too."""

    recurse: bool = False
