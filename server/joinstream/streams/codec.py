"""Frames as bytes, and events as Server-Sent Events.

A frame is a fixed header, the name of its base mode, and the finished SSE bytes (little-endian)::

    offset  0  id       epoch u64, k u32
           12  prev     epoch u64, k u32, zero without HAS_PREV
           24  flags    u8: HAS_PREV, POINTER
           25  run_id   16 bytes
           41  kind     u8
           42  depth    u8, subgraph levels, 255 = that or more
           43  mode     u8 length, then that many bytes of UTF-8
               body     the rest

`append.lua` and `first_of_run.lua` rely on these offsets. A batch, the payload of one PUBLISH, is a
sequence of frames, each behind its length as u32.
"""

from collections.abc import Sequence
from functools import lru_cache
from struct import Struct
from uuid import UUID

from joinstream.domain.events import EventId, Frame, FrameKind

_EVENT = b"event: "
_DATA = b"\ndata: "
_HEADER = Struct("<QIQIB16sBBB")
_LENGTH = Struct("<I")
_HAS_PREV = 1
_POINTER = 2
_MAX_DEPTH = 255
_MAX_MODE_BYTES = 255

_KINDS = {kind.value: kind for kind in FrameKind}
_run_id_of = lru_cache(maxsize=4096)(lambda raw: UUID(bytes=raw))
_mode_of = lru_cache(maxsize=256)(bytes.decode)


def encode_frame(frame: Frame) -> bytes:
    """Raises ValueError when the mode's name is longer than 255 bytes."""
    mode = frame.mode.encode()
    if len(mode) > _MAX_MODE_BYTES:
        raise ValueError(f"the stream mode {frame.mode[:40]!r}… has too long a name")
    prev = frame.prev
    header = _HEADER.pack(
        *frame.id,
        *(prev or (0, 0)),
        (_HAS_PREV if prev is not None else 0) | (_POINTER if frame.pointer else 0),
        frame.run_id.bytes,
        frame.kind,
        min(frame.depth, _MAX_DEPTH),
        len(mode),
    )
    return header + mode + frame.body


def decode_frame(data: bytes) -> Frame:
    """Raises ValueError when the bytes are no frame. A kind of a newer version is an EVENT."""
    if len(data) < _HEADER.size:
        raise ValueError(f"a frame has at least {_HEADER.size} bytes, not {len(data)}")
    epoch, k, prev_epoch, prev_k, flags, run, kind, depth, mode_length = _HEADER.unpack_from(data)
    body_at = _HEADER.size + mode_length
    return Frame(
        EventId(epoch, k),
        EventId(prev_epoch, prev_k) if flags & _HAS_PREV else None,
        _run_id_of(run),
        _KINDS.get(kind, FrameKind.EVENT),
        _mode_of(data[_HEADER.size : body_at]),
        depth,
        data[body_at:],
        bool(flags & _POINTER),
    )


def decode_batch(payload: bytes) -> list[Frame]:
    """Raises ValueError when the payload is no batch."""
    frames = []
    at, end = 0, len(payload)
    while at < end:
        start = at + _LENGTH.size
        if start > end:
            raise ValueError("the batch ends within a length")
        at = start + _LENGTH.unpack_from(payload, start - _LENGTH.size)[0]
        if at > end:
            raise ValueError("the batch ends within a frame")
        frames.append(decode_frame(payload[start:at]))
    return frames


def encode_batch(frames: Sequence[Frame]) -> bytes:
    """The payload that publishes these frames."""
    encoded = [encode_frame(frame) for frame in frames]
    return b"".join(_LENGTH.pack(len(data)) + data for data in encoded)


def sse_bytes(event: str, data: bytes, id: EventId | int | None) -> bytes:
    """One server-sent event: LF line ends, order event, data, id, exactly one data line.

    Line breaks become spaces: in JSON they can only be white space between tokens.
    """
    name = _on_one_line(event.encode("utf-8", "replace"))
    head = b"event: %b\ndata: %b\n" % (name, _on_one_line(data))
    if id is None:
        return head + b"\n"
    return head + (b"id: %d\n\n" if isinstance(id, int) else b"id: %d-%d\n\n") % id


def event_of(body: bytes) -> str:
    """The event's name in what `sse_bytes` has written."""
    return body[len(_EVENT) : body.index(b"\n")].decode()


def data_of(body: bytes) -> bytes:
    """The JSON in what `sse_bytes` has written."""
    start = body.index(_DATA) + len(_DATA)
    return body[start : body.index(b"\n", start)]


def _on_one_line(text: bytes) -> bytes:
    if b"\n" in text or b"\r" in text:
        return text.replace(b"\r", b" ").replace(b"\n", b" ")
    return text
