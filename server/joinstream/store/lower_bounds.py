"""Numbers that were seen once, and are worth more than counting again."""

import time

_REMEMBERED_SECONDS = 60.0
_MOST_REMEMBERED = 1000


class LowerBounds:
    """How many of something there were at least, by a key, for a minute."""

    def __init__(self) -> None:
        self._bounds: dict[bytes, tuple[float, int]] = {}

    def of(self, key: bytes) -> int:
        """0 when nothing is remembered."""
        forgotten_at, bound = self._bounds.get(key, (0.0, 0))
        return bound if forgotten_at > time.monotonic() else 0

    def remember(self, key: bytes, bound: int) -> None:
        if len(self._bounds) >= _MOST_REMEMBERED:
            self._bounds.clear()
        self._bounds[key] = (time.monotonic() + _REMEMBERED_SECONDS, bound)
