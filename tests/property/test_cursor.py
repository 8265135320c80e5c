"""Whatever is lost, repeated or reordered on the way: a reader gets all, in order, or a Gap."""

import itertools
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from joinstream.domain.events import EventId, Frame, FrameBatch, FrameKind
from joinstream.streams.codec import decode_batch, decode_frame, encode_batch, encode_frame
from joinstream.streams.position import Gap, Position
from tests.support.streams import frame

RUNS = [UUID(int=number) for number in range(1, 4)]

ids = st.builds(EventId, st.integers(1, 2**53), st.integers(0, 2**32 - 1))


@given(ids)
def test_an_id_reads_back_as_itself(id: EventId) -> None:
    assert EventId.parse(str(id)) == id


@given(ids)
def test_nothing_fits_between_an_id_and_the_one_before_it(id: EventId) -> None:
    before = id.before()
    assert before < id
    assert before.epoch == id.epoch or id.k == 0


@given(st.text())
def test_no_text_is_read_as_an_id_by_accident(text: str) -> None:
    try:
        parsed = EventId.parse(text)
    except ValueError:
        return
    assert [int(part) for part in text.split("-") if part] in ([*parsed], [parsed.epoch])


@st.composite
def logs(draw: st.DrawFn) -> list[Frame]:
    """What a thread's log has seen: epochs of several runs, each with an END or cut off."""
    log: list[Frame] = []
    for epoch in range(1, draw(st.integers(1, 4)) + 1):
        run = draw(st.sampled_from(RUNS))
        count = draw(st.integers(1, 5))
        for k in range(count):
            log.append(frame(epoch, k, run, prev=log[-1].id if log else None))
        if draw(st.booleans()):
            log[-1] = log[-1]._replace(kind=FrameKind.END)
    return log


@st.composite
def deliveries(draw: st.DrawFn, log: list[Frame]) -> list[list[Frame]]:
    """Batches as pub/sub might deliver them: some lost, some twice, some late."""
    cuts = sorted(draw(st.sets(st.integers(0, len(log)))) | {0, len(log)})
    batches = [log[start:end] for start, end in itertools.pairwise(cuts)]
    chosen = draw(st.lists(st.sampled_from(batches), max_size=10)) if batches else []
    return [[_maybe_pointer(draw, frame) for frame in batch] for batch in chosen]


def _maybe_pointer(draw: st.DrawFn, frame: Frame) -> Frame:
    return frame._replace(body=b"", pointer=True) if draw(st.booleans()) else frame


def _read(position: Position, log: list[Frame]) -> list[FrameBatch | Gap]:
    after = [f for f in log if position.last is None or f.id > position.last]
    return position.place(after, authoritative=True).items


def _receive(position: Position, batch: list[Frame], log: list[Frame]) -> list[FrameBatch | Gap]:
    whole = FrameBatch.of(batch)
    if position.take_whole(whole):
        return [whole]
    items, rest = position.place(batch, authoritative=False)
    if rest:
        items += _read(position, log)
        items += position.place(rest, authoritative=True).items
    return items


def _frames(items: list[FrameBatch | Gap]) -> list[Frame]:
    return [f for item in items if isinstance(item, FrameBatch) for f in item.frames]


def _wanted(log: list[Frame], run: UUID | None) -> list[Frame]:
    """What a reader of the run gets: all its frames up to its first END."""
    wanted = []
    for f in log:
        if run is None or f.run_id == run:
            wanted.append(f)
            if run is not None and f.kind is FrameKind.END:
                break
    return wanted


@given(st.data(), logs(), st.sampled_from([None, *RUNS]))
def test_a_whole_log_repairs_every_delivery(
    data: st.DataObject, log: list[Frame], run: UUID | None
) -> None:
    position = Position(run)
    items: list[FrameBatch | Gap] = []
    for batch in data.draw(deliveries(log)):
        if not position.ended:
            items += _receive(position, batch, log)
    items += _read(position, log)
    assert _frames(items) == _wanted(log, run)
    assert not [item for item in items if isinstance(item, Gap)]


@given(st.data(), logs())
def test_what_a_trimmed_log_cannot_repair_is_announced(
    data: st.DataObject, log: list[Frame]
) -> None:
    position = Position(None)
    held = log[data.draw(st.integers(0, len(log) - 1)) :]
    items: list[FrameBatch | Gap] = []
    for batch in data.draw(deliveries(log)):
        items += _receive(position, batch, held)
    items += _read(position, held)
    _assert_in_order_and_missing_only_what_gaps_say(items, log)


def _assert_in_order_and_missing_only_what_gaps_say(
    items: list[FrameBatch | Gap], log: list[Frame]
) -> None:
    due = iter(log)
    for item in items:
        if isinstance(item, FrameBatch):
            assert list(item.frames) == list(itertools.islice(due, len(item.frames)))
        else:
            assert item.until is not None
            missing = next(due)
            while missing.id != item.until:
                missing = next(due)
    assert next(due, None) is None


@given(logs())
def test_frames_travel_unchanged(log: list[Frame]) -> None:
    assert decode_batch(encode_batch(log)) == log
    assert [decode_frame(encode_frame(f)) for f in log] == log
