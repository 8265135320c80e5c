"""The stream modes of the API, and which of them a graph is asked for."""

from typing import Literal, get_args

StreamMode = Literal[
    "values",
    "updates",
    "messages",
    "messages-tuple",
    "debug",
    "custom",
    "events",
    "tasks",
    "checkpoints",
]
STREAM_MODES: tuple[StreamMode, ...] = get_args(StreamMode)
DEFAULT_STREAM_MODES: tuple[StreamMode, ...] = ("values",)


def wants(asked: frozenset[str] | None, mode: str) -> bool:
    """Whether a reader that asked for these modes (None: all) wants an event of this base mode.

    `messages` and `messages-tuple` are two names a reader may use for what the run produces, be it
    `messages` or `messages/partial`.
    """
    if asked is None or mode in asked:
        return True
    return mode.startswith("messages") and bool(asked & {"messages", "messages-tuple"})
