"""What a graph's own `stream` yields, as the frames of its run tell it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import orjson

from joinstream.domain.events import Frame
from joinstream.domain.stream_modes import StreamMode
from joinstream.encoding import dumps
from joinstream.langserve_api.schemas import CallKwargs
from joinstream.langserve_api.wire import Lost
from joinstream.streams.codec import data_of, event_of

_DIGEST_BYTES = 16
_SAYS_ELSE = "A worker died, and the run, executed anew, says something else than was told."


@dataclass(frozen=True, slots=True)
class ChunkShape:
    """What chunks there are, by LangGraph's names, and what they look like: just data, or an array
    that also has the namespace with `subgraphs`, and the mode when several are asked for in a list.
    """

    modes: tuple[str, ...]
    listed: bool
    subgraphs: bool

    @classmethod
    def of(cls, kwargs: CallKwargs, usual: str) -> "ChunkShape":
        """`usual` is the mode of those who ask for none."""
        asked = kwargs.stream_mode or usual
        if isinstance(asked, str):
            return cls((asked,), False, kwargs.subgraphs)
        return cls(tuple(asked), True, kwargs.subgraphs)

    @property
    def run_modes(self) -> tuple[StreamMode, ...]:
        """What the run is to be asked for."""
        return tuple("messages-tuple" if mode == "messages" else mode for mode in self.modes)  # type: ignore[misc]  # the renamed one is another mode

    def chunk(self, mode: str, data: Any, namespace: Sequence[str] = ()) -> Any:
        parts = [*([namespace] if self.subgraphs else []), *([mode] if self.listed else [])]
        return [*parts, data] if parts else data


class Chunks:
    """Translator of `stream`.

    A stateless run whose worker dies is executed anew. Then nothing is told twice: it is held
    against what was told, and goes on behind that, unless it says something else.
    """

    def __init__(self, shape: ChunkShape, *, stateless: bool) -> None:
        self._shape = shape
        self._repeats = stateless
        self._heard = blake2b(digest_size=_DIGEST_BYTES)
        self._position = 0
        self._told = b""
        self._told_position = 0

    def begin(self) -> None:
        if self._repeats:
            self._heard = blake2b(digest_size=_DIGEST_BYTES)
            self._position = 0

    def read(self, frame: Frame) -> Iterator[bytes]:
        if frame.mode not in self._shape.modes:
            return
        mode, *namespace = event_of(frame.body).split("|")
        data = orjson.Fragment(data_of(frame.body))
        chunk = dumps(self._shape.chunk(mode, data, namespace))
        self._heard.update(chunk + b"\n")
        self._position += 1
        if self._position > self._told_position:
            self._told, self._told_position = self._heard.digest(), self._position
            yield chunk
        elif self._position == self._told_position and self._heard.digest() != self._told:
            raise Lost(_SAYS_ELSE)

    def end(self) -> None:
        if self._position < self._told_position:
            raise Lost(_SAYS_ELSE)
