"""How far a call is: notifications of progress, made of what comes of its run."""

from collections.abc import Iterator, Sequence
from math import ceil, inf, nextafter
from typing import Any

from joinstream.domain.events import Frame, FrameKind
from joinstream.encoding import dumps, loads
from joinstream.mcp_api.wire import MessageId
from joinstream.streams.codec import data_of, sse_bytes

_INTERRUPT = "__interrupt__"


class ProgressTeller:
    """A `Teller`. Each node of the graph that is done is a step, unless nodes tell their own
    progress (`joinstream.progress`): then each stage of theirs is one.

    The protocol wants numbers that always grow.
    """

    def __init__(self, token: MessageId) -> None:
        self._token = token
        self._steps = 0
        self._at = 0.0
        self._stage: str | None = None
        self._is_told_by_nodes = False

    def begin(self) -> bytes:
        return b""

    def tell(self, frames: Sequence[Frame]) -> bytes:
        told = (
            each for frame in frames if frame.kind is FrameKind.EVENT for each in self._read(frame)
        )
        return b"".join(map(message_event, told))

    def miss(self) -> None:
        """What follows says more than what was lost."""

    def _read(self, frame: Frame) -> Iterator[dict[str, Any]]:
        if frame.mode == "custom":
            data = loads(data_of(frame.body))
            if isinstance(data, dict) and data.get("type") == "progress":
                yield self._told(data)
        elif frame.depth == 0 and not self._is_told_by_nodes:
            for node in loads(data_of(frame.body)):
                if node != _INTERRUPT:
                    self._steps += 1
                    yield self._notification(self._steps, node, None)

    def _told(self, data: dict[str, Any]) -> dict[str, Any]:
        stage, fraction = data.get("stage"), data.get("fraction") or 0.0
        if not self._is_told_by_nodes or stage != self._stage:
            self._is_told_by_nodes, self._stage = True, stage
            self._steps = ceil(self._at)
        is_all = stage is None and self._steps == 0
        label = data.get("label") or stage or data.get("node")
        return self._notification(self._steps + fraction, label, 1 if is_all else None)

    def _notification(self, at: float, label: Any, total: int | None) -> dict[str, Any]:
        self._at = max(at, nextafter(self._at, inf))
        params: dict[str, Any] = {"progressToken": self._token, "progress": self._at}
        if total is not None:
            params["total"] = total
        if label:
            params["message"] = str(label)
        return {"jsonrpc": "2.0", "method": "notifications/progress", "params": params}


def message_event(message: Any) -> bytes:
    """Without an id: what is lost cannot be asked for again."""
    return sse_bytes("message", dumps(message), None)
