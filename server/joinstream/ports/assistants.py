"""Where assistants are kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from joinstream.domain.access import Filter
from joinstream.domain.assistants import (
    Assistant,
    AssistantOrder,
    AssistantVersion,
    SortDirection,
)
from joinstream.domain.ids import AssistantId


@dataclass(frozen=True, slots=True)
class NewAssistant:
    """What an assistant is created from."""

    assistant_id: AssistantId
    graph_id: str
    name: str
    description: str | None
    config: dict[str, Any]
    context: dict[str, Any]
    metadata: dict[str, Any]


@dataclass(frozen=True, slots=True)
class AssistantChange:
    """What a new version changes: None keeps, `metadata` is merged, the rest is replaced.

    With `context` given and `config` None, the context also becomes `config.configurable`.
    """

    graph_id: str | None = None
    name: str | None = None
    description: str | None = None
    config: dict[str, Any] | None = None
    context: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class AssistantFilter:
    """All that is given must hold; `name` is a part of the name in any case.

    `visible` is what the caller may see.
    """

    graph_id: str | None = None
    name: str | None = None
    metadata: dict[str, Any] | None = None
    visible: Filter = None


class AssistantStore(Protocol):
    """Assistants and their versions. One that is not `visible` is as if it did not exist."""

    async def put_system(self, assistants: Sequence[NewAssistant]) -> None:
        """Create the missing ones; bring name and description of the unchanged ones up to date.

        What somebody made with such an id, for another graph, is deleted.
        """
        ...

    async def create(self, new: NewAssistant) -> Assistant | None:
        """None when the id is taken."""
        ...

    async def get(self, assistant_id: AssistantId, visible: Filter) -> Assistant | None: ...

    async def search(
        self,
        wanted: AssistantFilter,
        *,
        limit: int,
        offset: int,
        sort_by: AssistantOrder,
        sort_order: SortDirection,
    ) -> list[Assistant]: ...

    async def count(self, wanted: AssistantFilter) -> int: ...

    async def add_version(
        self, assistant_id: AssistantId, change: AssistantChange, visible: Filter
    ) -> Assistant | None: ...

    async def versions(
        self,
        assistant_id: AssistantId,
        metadata: dict[str, Any],
        *,
        limit: int,
        offset: int,
        visible: Filter,
    ) -> list[AssistantVersion]:
        """Newest first."""
        ...

    async def set_latest(
        self, assistant_id: AssistantId, version: int, visible: Filter
    ) -> Assistant | None:
        """None when the assistant has no such version."""
        ...

    async def delete(self, assistant_id: AssistantId, visible: Filter) -> bool: ...
