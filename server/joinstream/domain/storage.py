"""How much room things take."""

from dataclasses import dataclass

from joinstream.domain.ids import ThreadId


@dataclass(frozen=True, slots=True)
class Room:
    """Some stored things: how many, and their bytes as serialised, before Postgres compresses."""

    count: int
    bytes: int


@dataclass(frozen=True, slots=True)
class OneChannelsRoom:
    """What is stored of one channel. A version may lie in several pieces, each of which counts."""

    versions: int
    bytes: int


@dataclass(frozen=True, slots=True)
class ChannelRoom:
    """Stored channel values."""

    count: int
    bytes: int
    by_channel: dict[str, OneChannelsRoom]


@dataclass(frozen=True, slots=True)
class ThreadStorage:
    """What a thread's checkpoints take, in all namespaces; nothing counts in two sections."""

    thread_id: ThreadId
    total_bytes: int
    checkpoints: Room
    channel_values: ChannelRoom
    pending_writes: Room
