"""The heads of msgpack arrays and maps: what follows a head is the items, one after another.

So pieces of a list can be joined into one array without decoding them.
"""

from collections.abc import Iterable

_MAPS = frozenset(range(0x80, 0x90)) | {0xDE, 0xDF}


def read_head(packed: bytes) -> tuple[int, int]:
    """(number of items, length of the head) of a packed array or map."""
    first = packed[0]
    if first < 0xA0:
        return first & 0x0F, 1
    length = 3 if first in (0xDC, 0xDE) else 5
    return int.from_bytes(packed[1:length], "big"), length


def join(packed: Iterable[bytes]) -> tuple[bytes, list[int]]:
    """One array (or map) with the items of all these arrays (or maps), and how many each had."""
    bodies: list[bytes] = []
    sizes: list[int] = []
    first = 0
    for one in packed:
        first = one[0]
        size, length = read_head(one)
        sizes.append(size)
        bodies.append(one[length:])
    head = 0xDF if first in _MAPS else 0xDD
    return b"".join([head.to_bytes(1, "big"), sum(sizes).to_bytes(4, "big"), *bodies]), sizes
