"""Which form a run's events have."""

from collections.abc import AsyncIterator, Callable
from typing import Any, Protocol

from joinstream.domain.run_record import Run
from joinstream.event_streaming.unfinished import UnfinishedMessages
from joinstream.ports.runs import Ending
from joinstream.streams.publisher import RunPublisher
from joinstream.worker.event_encoder import EventEncoder
from joinstream.worker.graph_call import GraphCall
from joinstream.worker.protocol_encoder import ProtocolEncoder


class Encoder(Protocol):
    """Turns what a graph produces into what its readers get.

    `source` executes the graph so that it produces what `encode` takes. `begin` is called before
    all else, with the messages that attempts before have left unfinished, `end` once the ending is
    committed, `hand_back` when the run is for others to go on with. `output` is the run's output so
    far.
    """

    @property
    def source(self) -> Callable[[GraphCall], AsyncIterator[Any]]: ...

    @property
    def output(self) -> Any: ...

    def begin(self, left_behind: UnfinishedMessages) -> None: ...

    def encode(self, event: Any) -> None: ...

    def end(self, outcome: Ending) -> None: ...

    def hand_back(self) -> None: ...


def is_event_streaming(run: Run) -> bool:
    """Whether the run was started by the event-streaming protocol."""
    return "event_streaming" in run.kwargs


def encoder_of(run: Run, publisher: RunPublisher) -> Encoder:
    if is_event_streaming(run):
        return ProtocolEncoder(run, publisher.emit_written)
    return EventEncoder(run.kwargs["stream_mode"], publisher.emit)
