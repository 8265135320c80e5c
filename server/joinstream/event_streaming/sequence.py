"""The place of an event in its thread as one number; why it is so: the package's docstring."""

from typing import Final

from joinstream.domain.events import EventId

_BITS_OF_K: Final = 24
_CIRCLE: Final[int] = 2**53


def seq_of(id: EventId) -> int:
    """A number below 2**53 that rises along a thread's log."""
    return ((id.epoch << _BITS_OF_K) + id.k) % _CIRCLE


def comes_after(seq: int, since: int) -> bool:
    """Whether `seq` lies ahead of `since`, by the shorter way round."""
    return 0 < (seq - since) % _CIRCLE < _CIRCLE // 2
