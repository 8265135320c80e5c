"""How a node tells its listeners how far it is; `docs/progress.md` is the page for users.

Imports nothing of the server: it is called inside of graphs, wherever they run.
"""

from collections.abc import Callable
from numbers import Real
from typing import Any, Literal

from typing_extensions import TypedDict

_ROUNDING = 1e-9
"""What a sum of parts may miss 0 or 1 by."""


class Progress(TypedDict):
    """The data of a progress event: a `custom` event whose `type` is `progress`.

    `fraction` is between 0 and 1, or None when nobody knows how much is left. It is of `stage`, a
    part of the work, where there is one. `label` is a line for people; `node` is who told it.
    """

    type: Literal["progress"]
    fraction: float | None
    label: str | None
    stage: str | None
    node: str


def progress(fraction: float | None, label: str | None = None, *, stage: str | None = None) -> None:
    """Tell whoever listens how far the node is. Call it inside a node, as often as you like.

    Outside of a run it does nothing, so that a node can be called by itself. Raises TypeError and
    ValueError for what `Progress` does not allow, inside of a run and outside.
    """
    fraction = _checked_fraction(fraction)
    for name, text in (("label", label), ("stage", stage)):
        if text is not None and not isinstance(text, str):
            raise TypeError(f"progress: {name} is a string or None, not {type(text).__name__}")
    if (telling := _writer_of_this_node()) is not None:
        write, node = telling
        write(Progress(type="progress", fraction=fraction, label=label, stage=stage, node=node))


def _checked_fraction(fraction: float | None) -> float | None:
    if fraction is None:
        return None
    if isinstance(fraction, bool) or not isinstance(fraction, Real):
        kind = type(fraction).__name__
        raise TypeError(f"progress: fraction is a number from 0 to 1 or None, not {kind}")
    if not -_ROUNDING <= fraction <= 1 + _ROUNDING:
        raise ValueError(f"progress: fraction is between 0 and 1, not {fraction}: done / total")
    return min(max(float(fraction), 0.0), 1.0)


def _writer_of_this_node() -> tuple[Callable[[Any], None], str] | None:
    """What writes to the run's custom stream, and the node's name; None outside of a run."""
    from langgraph.config import get_config, get_stream_writer

    try:
        return get_stream_writer(), get_config()["metadata"]["langgraph_node"]
    except (RuntimeError, KeyError):  # no runnable at all, or one that is no graph
        return None
