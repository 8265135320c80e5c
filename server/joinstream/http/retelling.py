"""A run's stream in the words of another protocol."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Protocol

from starlette.requests import Request

from joinstream.domain.events import Frame, FrameBatch
from joinstream.http.run_streams import run_body, run_path
from joinstream.http.sse import HEARTBEAT, STREAM_HEADERS, StreamingBody
from joinstream.services.run_streams import RunStream
from joinstream.streams.join import Gap, Heartbeat


class Teller(Protocol):
    """Says in the protocol's words what comes of one run; what it returns goes out as it is."""

    def begin(self) -> bytes:
        """What stands at the beginning, before anything has come of the run."""
        ...

    def tell(self, frames: Sequence[Frame]) -> bytes:
        """The next frames of the run; often there is nothing to say."""
        ...

    def miss(self) -> None:
        """Some frames of the run are lost."""
        ...


Finish = Callable[[], Awaitable[bytes]]
"""What stands at the end, once the run is over."""


def retold(
    request: Request,
    stream: RunStream,
    teller: Teller,
    finish: Finish,
    *,
    cancel_on_disconnect: bool,
) -> StreamingBody:
    """The SSE response of a run, as its teller has it.

    When the server stops it is cut off: half of an answer would pass for the whole. Whoever would
    have cancelled the run by leaving has no way back to it either.
    """
    headers = {**STREAM_HEADERS, "Content-Location": run_path(request, stream.run)}
    chunks = _chunks(stream, teller, finish)
    return run_body(
        request,
        stream,
        chunks,
        headers,
        cancel_on_disconnect=cancel_on_disconnect,
        comes_back=False,
    )


async def _chunks(stream: RunStream, teller: Teller, finish: Finish) -> AsyncIterator[bytes]:
    yield teller.begin()
    async for item in stream.items:
        if isinstance(item, FrameBatch):
            if chunk := teller.tell(item.frames):
                yield chunk
        elif isinstance(item, Gap):
            teller.miss()
        elif isinstance(item, Heartbeat):
            yield HEARTBEAT
    yield await finish()
