"""What a reader of a thread is told: the frames of its log as events, one run after another."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

from joinstream.domain.events import NO_RUN, EventId, Frame, FrameKind
from joinstream.event_streaming import envelopes
from joinstream.event_streaming.classic import ClassicRun, values_set_by_hand
from joinstream.event_streaming.envelopes import Event, envelope_of
from joinstream.event_streaming.filters import ChannelFilter
from joinstream.event_streaming.sequence import seq_of
from joinstream.streams.codec import event_of

PROTOCOL_RUN = "protocol"
"""The mode of a METADATA frame whose run tells of itself in PROTOCOL frames."""

_ENDINGS = frozenset({"completed", "failed", "interrupted"})


class Told(NamedTuple):
    """One finished event. `stale`: a later run has made it obsolete. `became` is what it says has
    become of a whole run, `run_id`; None when it is about something else.
    """

    channel: str
    seq: int
    depth: int
    body: bytes
    stale: bool = False
    run_id: UUID | None = None
    became: str | None = None

    def is_wanted(self, asked: ChannelFilter) -> bool:
        """What is stale is for those alone who come back and know where they were."""
        if self.stale and asked.since is None:
            return False
        return asked.wants(self.channel, self.seq, self.depth, self._namespace)

    def _namespace(self) -> list[str]:
        namespace: list[str] = envelope_of(self.body)["params"]["namespace"]
        return namespace


@dataclass(slots=True)
class _RunInSight:
    """A run whose frames were seen; `classic` translates them when they need it."""

    run_id: UUID
    classic: ClassicRun | None


@dataclass(slots=True)
class Timeline:
    """Reads a thread's log from its start. `ended` are the runs of which it has told the end.

    While it `replays`, how a run ended is kept back, because a later run makes it stale: clients
    take it for the end of the run they are waiting for.
    """

    replays: bool
    last: EventId | None = None
    run: _RunInSight | None = None
    ended: set[UUID] = field(default_factory=set)
    _kept_back: list[Told] = field(default_factory=list)

    def read(self, frames: Iterable[Frame], now: int) -> Iterator[Told]:
        """The events in the frames; `now` is in milliseconds."""
        for frame in frames:
            self.last = frame.id
            if frame.kind is FrameKind.METADATA and self._kept_back:
                yield from self.let_go(stale=True)
            for told in self._told(frame, now):
                if self.replays and (self._kept_back or _says_how_it_ended(told)):
                    self._kept_back.append(told)
                else:
                    yield told

    def left_open_by(self, frame: Frame) -> UUID | None:
        """The run whose end nobody will tell any more, because the frame is of a later one.

        Its worker was too late: the log takes nothing after a later claim.
        """
        before = self.run.run_id if self.run is not None else None
        if before in (None, frame.run_id) or frame.run_id == NO_RUN or before in self.ended:
            return None
        return before

    def let_go(self, *, stale: bool) -> Iterator[Told]:
        """What was kept back."""
        kept, self._kept_back = self._kept_back, []
        for told in kept:
            yield told._replace(stale=stale and _says_how_it_ended(told))

    def make_up_end(
        self,
        run_id: UUID,
        epoch: int | None,
        status: str,
        error: Mapping[str, Any] | None,
        interrupts: Iterable[Mapping[str, Any]],
        now: int,
    ) -> Iterator[Told]:
        """The end of a run that nobody announced, in the place it would have had.

        `epoch` is that of its last claim, None when the run is gone and nobody knows.
        """
        self.ended.add(run_id)
        at = EventId(self.last.epoch, self.last.k + 1) if self.last else EventId(0, 1)
        epoch = at.epoch if epoch is None else epoch
        questions = [
            envelopes.question(run_id, (), str(each["id"]), each.get("value"), now)
            for each in interrupts
        ]
        asks = bool(questions)
        ends = envelopes.ending(run_id, epoch, status, error, asks=asks, timestamp=now)
        for event in (*questions, *ends):
            yield _told(event, at, run_id)

    def _told(self, frame: Frame, now: int) -> Iterator[Told]:
        if frame.run_id == NO_RUN:
            yield _told(values_set_by_hand(frame, now), frame.id, NO_RUN)
            return
        run = self._run_of(frame)
        if frame.kind is FrameKind.END:
            self.ended.add(frame.run_id)
        else:
            self.ended.discard(frame.run_id)
        if frame.kind is FrameKind.PROTOCOL:
            told = Told(frame.mode, seq_of(frame.id), frame.depth, frame.body)
            yield _about_its_run(told, frame.run_id)
        elif run.classic is not None:
            for count, event in enumerate(run.classic.events(frame, now)):
                if count and event.name is None:
                    event = event._replace(name=f"{frame.id}.{count + 1}")
                yield _told(event, frame.id, frame.run_id)

    def _run_of(self, frame: Frame) -> _RunInSight:
        of_protocol = frame.mode == PROTOCOL_RUN or frame.kind is FrameKind.PROTOCOL
        if self.run is None or self.run.run_id != frame.run_id:
            self.run = _RunInSight(frame.run_id, ClassicRun(frame.run_id))
        if of_protocol:
            self.run.classic = None
        return self.run


def _told(event: Event, id: EventId, run_id: UUID) -> Told:
    told = Told(event.mode, seq_of(id), len(event.namespace), event.written(id))
    return _about_its_run(told, run_id)


def _about_its_run(told: Told, run_id: UUID) -> Told:
    if told.depth > 0 or told.channel != "lifecycle":
        return told
    became = envelope_of(told.body)["params"]["data"]["event"]
    return told._replace(run_id=run_id, became=became)


def _says_how_it_ended(told: Told) -> bool:
    """Whether it ends a whole run, or asks what the run waits for."""
    if told.channel == "input":
        return event_of(told.body) == "input.requested"
    return told.became in _ENDINGS
