"""Assistants: a graph with a name and settings of its own."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args
from uuid import uuid5

from joinstream.domain.ids import SYSTEM_ASSISTANT_NAMESPACE, AssistantId
from joinstream.errors import BadRequest

IfExists = Literal["raise", "do_nothing"]
AssistantField = Literal[
    "assistant_id",
    "graph_id",
    "name",
    "description",
    "config",
    "context",
    "metadata",
    "version",
    "created_at",
    "updated_at",
]
ASSISTANT_FIELDS: tuple[AssistantField, ...] = get_args(AssistantField)
AssistantOrder = Literal["assistant_id", "graph_id", "name", "created_at", "updated_at"]
SortDirection = Literal["asc", "desc"]

SYSTEM_METADATA = {"created_by": "system"}


@dataclass(frozen=True, slots=True)
class Assistant:
    """As clients see it. `config` and `context` are two views of the same settings."""

    assistant_id: AssistantId
    graph_id: str
    name: str
    description: str | None
    config: dict[str, Any]
    context: dict[str, Any]
    metadata: dict[str, Any]
    version: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class AssistantVersion:
    """What an assistant was at one time."""

    assistant_id: AssistantId
    version: int
    graph_id: str
    name: str
    description: str | None
    config: dict[str, Any]
    context: dict[str, Any]
    metadata: dict[str, Any]
    created_at: datetime


def system_assistant_id(graph_id: str) -> AssistantId:
    """Id of the assistant that every graph has from the start; the official server's ids."""
    return AssistantId(uuid5(SYSTEM_ASSISTANT_NAMESPACE, graph_id))


def is_graphs_own(assistant: Assistant) -> bool:
    """Whether it is the one that its graph has from the start."""
    return assistant.assistant_id == system_assistant_id(assistant.graph_id)


def mirrored_settings(
    config: dict[str, Any], context: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Make `config.configurable` and `context`, the old and the new name of one thing, agree.

    Raises BadRequest when both are given.
    """
    configurable = config.get("configurable") or {}
    if configurable and context:
        raise BadRequest("Send either config.configurable or context, not both: they are the same.")
    if context:
        return {**config, "configurable": context}, context
    return config, configurable
