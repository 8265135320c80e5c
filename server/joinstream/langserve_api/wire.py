"""The events of LangServe's streams, each written in one place.

They carry no ids: LangServe's clients would take a heartbeat behind an id for an event.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

from joinstream.domain.events import Frame, FrameKind
from joinstream.domain.ids import RunId
from joinstream.encoding import dumps
from joinstream.streams.codec import sse_bytes

RUN_FAILED = 500

_END = b"event: end\n\n"
"""Without data: a client in JavaScript would take that for output."""


class Lost(Exception):
    """The stream cannot be told any further; the message says why."""


class Translator(Protocol):
    """Turns what comes of one run into what `data` events hold."""

    def begin(self) -> None:
        """The run begins to be executed: for the first time, or anew, as its worker has died.

        Raises Lost when that cannot be told.
        """
        ...

    def read(self, frame: Frame) -> Iterator[bytes]:
        """JSON; nothing for most frames. Raises Lost."""
        ...

    def end(self) -> None:
        """The run is over. Raises Lost when not all of it was told."""
        ...


def metadata_event(run_id: RunId) -> bytes:
    return sse_bytes("metadata", dumps({"run_id": run_id}), None)


class DataStream:
    """A `Teller` of the run's data, and of how it ends.

    `head` is what stands before. Once something is lost, no more is told but an error at the end.
    """

    def __init__(self, translator: Translator, head: bytes = b"") -> None:
        self._translator = translator
        self._head = head
        self._lost: str | None = None

    def begin(self) -> bytes:
        return self._head

    def tell(self, frames: Sequence[Frame]) -> bytes:
        return b"".join(
            sse_bytes("data", data, None) for frame in frames for data in self._read(frame)
        )

    def miss(self) -> None:
        self._lost = self._lost or "Some of the run's events are lost."

    def finish(self, failure: str | None) -> bytes:
        """`failure` says why the run has no output."""
        message = failure or self._lost or self._missing()
        if message is None:
            return _END
        error = {"status_code": RUN_FAILED, "message": message}
        return sse_bytes("error", dumps(error), None)

    def _missing(self) -> str | None:
        try:
            self._translator.end()
        except Lost as lost:
            return str(lost)
        return None

    def _read(self, frame: Frame) -> Iterator[bytes]:
        if self._lost is not None:
            return
        try:
            if frame.kind is FrameKind.METADATA:
                self._translator.begin()
            elif frame.kind is FrameKind.EVENT:
                yield from self._translator.read(frame)
        except Lost as lost:
            self._lost = str(lost)
