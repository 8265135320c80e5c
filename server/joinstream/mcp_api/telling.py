"""How far a call is: notifications of progress, made of what comes of its run."""

from collections.abc import Iterator, Sequence
from math import inf, nextafter
from typing import Any

from joinstream.domain.events import Frame, FrameKind
from joinstream.encoding import loads
from joinstream.http.json_rpc import MessageId, message_event
from joinstream.streams.codec import data_of

_INTERRUPT = "__interrupt__"


class ProgressTeller:
    """A `Teller`. Each node of the graph that is done is a step, unless nodes tell their own
    progress (`joinstream.progress`): then each stage of theirs is one.

    The protocol wants numbers that always grow: what does not get any further is told all the same,
    a hair above.
    """

    def __init__(self, token: MessageId) -> None:
        self._token = token
        self._steps = 0
        self._at = -inf
        self._stages: list[str | None] = []

    def begin(self) -> bytes:
        return b""

    def tell(self, frames: Sequence[Frame]) -> bytes:
        events = (frame for frame in frames if frame.kind is FrameKind.EVENT)
        return b"".join(message_event(each) for event in events for each in self._read(event))

    def miss(self) -> None:
        """What follows says more than what was lost."""

    def _read(self, frame: Frame) -> Iterator[dict[str, Any]]:
        if frame.mode == "custom":
            data = loads(data_of(frame.body))
            if isinstance(data, dict) and data.get("type") == "progress":
                yield from self._told(data)
        elif frame.depth == 0 and not self._stages:
            for node in loads(data_of(frame.body)):
                if node != _INTERRUPT:
                    self._steps += 1
                    yield from self._notification(self._steps, node, None)

    def _told(self, data: dict[str, Any]) -> Iterator[dict[str, Any]]:
        stage, fraction = data.get("stage"), data.get("fraction") or 0
        if stage not in self._stages:
            self._stages.append(stage)
        at = self._steps + self._stages.index(stage) + fraction
        is_of_all = self._steps == 0 and self._stages == [None]
        label = data.get("label") or stage or data.get("node")
        yield from self._notification(at, label, 1 if is_of_all else None)

    def _notification(self, at: float, label: Any, total: int | None) -> Iterator[dict[str, Any]]:
        self._at = max(at, nextafter(self._at, inf))
        if total is not None and self._at > total:
            return  # it is all done, and that was told
        params: dict[str, Any] = {"progressToken": self._token, "progress": self._at}
        if total is not None:
            params["total"] = total
        if label:
            params["message"] = str(label)
        yield {"jsonrpc": "2.0", "method": "notifications/progress", "params": params}
