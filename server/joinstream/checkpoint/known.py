"""What a saver remembers of checkpoints it read or wrote, to store only what the next one adds."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar
from uuid import UUID

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import ChannelVersions

from joinstream.checkpoint.parts import Log
from joinstream.checkpoint.values import Held
from joinstream.domain.ids import thread_key

K = TypeVar("K")
V = TypeVar("V")

_NAMESPACES = 64
_CHECKPOINTS = 2
"""Of one namespace. To go on from an old checkpoint, LangGraph reads that one and the newest."""


class Place(NamedTuple):
    """The key of a checkpoint."""

    thread_id: UUID
    checkpoint_ns: str
    checkpoint_id: str

    @classmethod
    def named(cls, config: RunnableConfig, checkpoint_id: str) -> "Place":
        """The place of this checkpoint in the thread and namespace a config names."""
        place = config["configurable"]
        return cls(thread_key(place["thread_id"]), place.get("checkpoint_ns", ""), checkpoint_id)


@dataclass(frozen=True, slots=True)
class Known:
    """A stored checkpoint: how each value is held, and where its line of checkpoints appends.

    `logs` is shared by all checkpoints of a line, and filled as channels get their first part.
    """

    versions: ChannelVersions
    held: Mapping[str, Held]
    logs: dict[str, Log] = field(default_factory=dict)


class Memory:
    """The checkpoints used last: a few of each of the namespaces used last."""

    def __init__(self) -> None:
        self._namespaces: OrderedDict[tuple[UUID, str], OrderedDict[str, Known]] = OrderedDict()

    def get(self, place: Place) -> Known | None:
        return self._namespaces.get(place[:2], _EMPTY).get(place.checkpoint_id)

    def keep(self, place: Place, known: Known) -> None:
        checkpoints = self._namespaces.setdefault(place[:2], OrderedDict())
        _keep_last(self._namespaces, place[:2], checkpoints, _NAMESPACES)
        _keep_last(checkpoints, place.checkpoint_id, known, _CHECKPOINTS)


_EMPTY: OrderedDict[str, Known] = OrderedDict()


def _keep_last(entries: OrderedDict[K, V], key: K, value: V, capacity: int) -> None:
    entries[key] = value
    entries.move_to_end(key)
    if len(entries) > capacity:
        entries.popitem(last=False)
