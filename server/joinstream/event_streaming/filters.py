"""Which events a subscription wants: by channel, by namespace, and from where on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from joinstream.event_streaming.sequence import comes_after
from joinstream.streams.event_filter import is_within

CHANNELS = (
    "values",
    "updates",
    "messages",
    "tools",
    "custom",
    "lifecycle",
    "input",
    "tasks",
    "checkpoints",
)
NAMED = "custom:"
"""Before the name of a channel that a graph's own transformer writes."""


def is_channel(name: str) -> bool:
    return name in CHANNELS or (name.startswith(NAMED) and len(name) > len(NAMED))


@dataclass(frozen=True, slots=True)
class ChannelFilter:
    """What a subscription asks for. No `namespaces`: all; `depth` None: however deep below them."""

    channels: frozenset[str]
    namespaces: tuple[tuple[str, ...], ...] = ()
    depth: int | None = None
    since: int | None = None

    @property
    def only_watches(self) -> bool:
        """Whether no more is asked for than how runs go and what they ask."""
        return self.channels <= {"lifecycle", "input"}

    def wants(
        self, channel: str, seq: int, depth: int, namespace: Callable[[], Sequence[str]]
    ) -> bool:
        """`namespace` is only asked for when the answer depends on more than its length."""
        if not self._wants_channel(channel):
            return False
        if self.since is not None and not comes_after(seq, self.since):
            return False
        return self._wants_namespace(depth, namespace)

    def _wants_channel(self, channel: str) -> bool:
        return channel in self.channels or (channel.startswith(NAMED) and "custom" in self.channels)

    def _wants_namespace(self, depth: int, namespace: Callable[[], Sequence[str]]) -> bool:
        if not self.namespaces:
            return True
        reached = [
            prefix
            for prefix in self.namespaces
            if len(prefix) <= depth and (self.depth is None or depth - len(prefix) <= self.depth)
        ]
        if not reached or () in reached:
            return bool(reached)
        found = tuple(namespace())
        return any(is_within(found, prefix, self.depth) for prefix in reached)
