"""Finding in a new list what is stored of an older one: a comparison of pieces, not of items."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from joinstream.checkpoint.fingerprints import Piece, count_unchanged, piece_of

PATIENCE = 16
"""How many items are looked up among all stored pieces before the rest is taken to be new."""

_SIZES_TRIED = 4
"""A lookup tries this many of the most frequent sizes of pieces."""


class Reuse(NamedTuple):
    """Stored pieces from position `start` up to, not including, `stop`."""

    start: int
    stop: int


class Fresh(NamedTuple):
    """Items from position `start` up to, not including, `stop`, that are stored nowhere."""

    start: int
    stop: int


def compare(
    items: Sequence[Any], pack: Callable[[Sequence[Any]], Any], pieces: Sequence[Piece]
) -> list[Reuse | Fresh]:
    """How `items` are made of stored pieces and fresh items; `pack` makes a piece's container.

    Appending costs one look at the whole list. A few items that were changed, removed or inserted
    cost a look at each of the pieces after the first of them.
    """
    search = _Search(items, pack, pieces)
    expected = count_unchanged(pack(items), pieces) if pieces else 0
    position = sum(size for size, _ in pieces[:expected])
    steps: list[Reuse | Fresh] = [Reuse(0, expected)] if expected else []
    while position < len(items):
        found = search.find(position, expected)
        if found is None:
            stop = position + 1 if search.patient and expected < len(pieces) else len(items)
            _extend(steps, Fresh(position, stop))
            position = stop
        else:
            _extend(steps, Reuse(found, found + 1))
            position += pieces[found].size
            expected = found + 1
    return steps


def _extend(steps: list[Reuse | Fresh], step: Reuse | Fresh) -> None:
    last = steps[-1] if steps else None
    if last is not None and type(last) is type(step) and last.stop == step.start:
        steps[-1] = last._replace(stop=step.stop)
    else:
        steps.append(step)


class _Search:
    def __init__(
        self,
        items: Sequence[Any],
        pack: Callable[[Sequence[Any]], Any],
        pieces: Sequence[Piece],
    ) -> None:
        self._items = items
        self._pack = pack
        self._pieces = pieces
        self._lookups = 0
        self._index: dict[Piece, int] = {}
        self._sizes: list[int] = []

    @property
    def patient(self) -> bool:
        return self._lookups < PATIENCE

    def find(self, position: int, expected: int) -> int | None:
        """The stored piece that begins at this item: the expected one, or a later one."""
        if expected == len(self._pieces):
            return None
        wanted = self._pieces[expected]
        if wanted.print is not None and self._at(position, wanted.size) == wanted:
            return expected
        return self._look_up(position, expected) if self.patient else None

    def _look_up(self, position: int, expected: int) -> int | None:
        if not self._lookups:
            self._prepare(expected)
        self._lookups += 1
        for size in self._sizes:
            piece = self._at(position, size)
            found = self._index.get(piece, -1) if piece.print is not None else -1
            if found >= expected:
                return found
        return None

    def _prepare(self, expected: int) -> None:
        remaining = range(len(self._pieces) - 1, expected - 1, -1)
        self._index = {self._pieces[at]: at for at in remaining}
        frequencies = Counter(self._pieces[at].size for at in remaining)
        self._sizes = [size for size, _ in frequencies.most_common(_SIZES_TRIED)]

    def _at(self, position: int, size: int) -> Piece:
        return piece_of(self._pack(self._items[position : position + size]))
