"""Frames and events as bytes."""

import struct
from uuid import uuid4

import pytest

from joinstream.domain.events import EventId, Frame, FrameKind
from joinstream.streams.codec import (
    decode_batch,
    decode_frame,
    encode_batch,
    encode_frame,
    sse_bytes,
)
from tests.support.streams import frame, frames

RUN = uuid4()


def test_an_event_is_written_as_event_data_id_with_lf() -> None:
    assert sse_bytes("values", b'{"a":1}', EventId(3, 7)) == (
        b'event: values\ndata: {"a":1}\nid: 3-7\n\n'
    )


def test_an_event_without_id_has_no_id_line() -> None:
    assert sse_bytes("gap", b"{}", None) == b"event: gap\ndata: {}\n\n"


def test_data_with_line_breaks_stays_on_one_line() -> None:
    assert sse_bytes("values", b'{\r\n"a":\n1}', None) == b'event: values\ndata: {  "a": 1}\n\n'


def test_an_event_name_cannot_smuggle_in_fields() -> None:
    assert sse_bytes("values|a\ndata: x\r\n", b"1", None) == (
        b"event: values|a data: x  \ndata: 1\n\n"
    )


def test_a_name_that_is_no_text_is_still_sent() -> None:
    assert sse_bytes("\ud800", b"1", None) == b"event: ?\ndata: 1\n\n"


@pytest.mark.parametrize("kind", list(FrameKind))
@pytest.mark.parametrize("prev", [None, EventId(2**40, 9)])
@pytest.mark.parametrize("mode", ["values", "messages/partial", "", "später hinzugekommen"])
def test_a_frame_survives_the_way_there_and_back(
    kind: FrameKind, prev: EventId | None, mode: str
) -> None:
    sent = Frame(EventId(2**53, 2**32 - 1), prev, RUN, kind, mode, 3, b"data: \x00\n\n")
    assert decode_frame(encode_frame(sent)) == sent


def test_a_pointer_stays_a_pointer() -> None:
    sent = frame(1, 1, RUN)._replace(body=b"", pointer=True)
    assert decode_frame(encode_frame(sent)) == sent


def test_very_deep_subgraphs_count_as_255() -> None:
    assert decode_frame(encode_frame(frame(1, 1, RUN)._replace(depth=1000))).depth == 255


def test_a_mode_with_an_endless_name_is_refused() -> None:
    with pytest.raises(ValueError, match="too long"):
        encode_frame(frame(1, 1, RUN)._replace(mode="m" * 256))


def test_a_kind_of_a_newer_version_passes_as_an_event() -> None:
    data = bytearray(encode_frame(frame(1, 1, RUN, FrameKind.END)))
    data[41] = 200
    assert decode_frame(bytes(data)).kind is FrameKind.EVENT


def test_a_batch_survives_the_way_there_and_back() -> None:
    sent = frames(4, range(10), RUN, end=True)
    assert decode_batch(encode_batch(sent)) == sent
    assert decode_batch(b"") == []


@pytest.mark.parametrize("cut", [1, 3, 4, 5, 47, 48, 60])
def test_a_cut_batch_is_refused_not_misread(cut: int) -> None:
    whole = encode_batch([frame(1, 1, RUN)])
    with pytest.raises(ValueError, match=r"batch ends|at least"):
        decode_batch(whole[:cut])


def test_a_frame_shorter_than_its_header_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 44 bytes"):
        decode_batch(struct.pack("<I", 10) + b"0123456789")
