"""Which of a stream's events a reader wants: by mode, by namespace and by node; and how.

What tells where a run begins, fails and ends passes every filter.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from joinstream.domain.events import Frame, FrameKind
from joinstream.domain.stream_modes import wants
from joinstream.encoding import loads
from joinstream.streams.codec import data_of
from joinstream.streams.merging import merged

Namespace = tuple[str, ...]
"""`node:<task id>` segments from the root graph, which is (), to a subgraph. As part of a filter, a
segment may be the node alone."""


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Each part is None when it does not matter.

    `namespaces`: in or below one of these, at most `depth` levels below it. `nodes`: produced by
    one of these nodes, in its subgraph too, or by no node in particular, such as the graph's
    values. `merges`: what comes together of one message is made one event.
    """

    modes: frozenset[str] | None = None
    namespaces: Collection[Namespace] | None = None
    depth: int | None = None
    nodes: frozenset[str] | None = None
    merges: bool = False

    @property
    def passes_everything(self) -> bool:
        return self == _EVERYTHING

    def of(self, frames: Sequence[Frame]) -> list[bytes]:
        """The events that are wanted, as they are sent."""
        if self.passes_everything:
            return [frame.body for frame in frames]
        return [frame.body for frame in self.chosen(frames)]

    def chosen(self, frames: Sequence[Frame]) -> list[Frame]:
        """The frames of what is wanted."""
        wanted = [frame for frame in frames if self.passes(frame)]
        return merged(wanted) if self.merges else wanted

    def passes(self, frame: Frame) -> bool:
        return frame.kind is not FrameKind.EVENT or (
            wants(self.modes, frame.mode) and self._passes_place(frame)
        )

    def _passes_place(self, frame: Frame) -> bool:
        if self.namespaces is None and self.depth is None and self.nodes is None:
            return True
        namespace = namespace_of(frame)
        prefixes: Collection[Namespace] = ((),) if self.namespaces is None else self.namespaces
        if not any(is_within(namespace, prefix, self.depth) for prefix in prefixes):
            return False
        return self.nodes is None or self._passes_nodes(frame, namespace)

    def _passes_nodes(self, frame: Frame, namespace: Namespace) -> bool:
        assert self.nodes is not None
        if any(_node(segment) in self.nodes for segment in namespace):
            return True
        authors = _authors(frame.mode, frame.body)
        return not self.nodes.isdisjoint(authors) if authors else not namespace


_EVERYTHING = EventFilter()


def is_within(namespace: Namespace, prefix: Namespace, depth: int | None) -> bool:
    """Whether it is the prefix, or lies below it, by at most `depth` levels."""
    below = len(namespace) - len(prefix)
    if below < 0 or (depth is not None and below > depth):
        return False
    return all(
        wanted in (segment, _node(segment))
        for segment, wanted in zip(namespace, prefix, strict=False)
    )


def namespace_of(frame: Frame) -> Namespace:
    """As the event's name tells it: `updates|node:<task id>|…`."""
    if not frame.depth:
        return ()
    name = frame.body[: frame.body.index(b"\n")].decode()
    return tuple(name.split("|")[1:])


def _node(segment: str) -> str:
    return segment.partition(":")[0]


def _authors(mode: str, body: bytes) -> Collection[str]:
    """The nodes that an event says it comes from; none: it does not say."""
    if mode not in ("updates", "messages", "tasks", "debug", "events"):
        return ()
    return _named_in(mode, loads(data_of(body)))


def _named_in(mode: str, data: Any) -> Collection[str]:
    match mode, data:
        case "updates", dict():
            return data.keys() - {"__interrupt__"}
        case "messages", [_, {"langgraph_node": str(node)}]:
            return (node,)
        case "tasks", {"name": str(node)}:
            return (node,)
        case "debug", {"payload": {"name": str(node)}}:
            return (node,)
        case "events", {"metadata": {"langgraph_node": str(node)}}:
            return (node,)
    return ()
