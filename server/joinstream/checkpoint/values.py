"""How a channel value is held: small ones inline, large ones in parts, lists and dicts by items.

`draft` decides what of a new value has to be written, given how an earlier value of the channel is
held. `Draft.place` then tells where everything is, once the new parts have addresses.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum
from functools import partial
from typing import Any

from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.checkpoint.serde.types import _DeltaSnapshot

from joinstream.checkpoint.fingerprints import Piece, piece_of
from joinstream.checkpoint.parts import Address, Run, joined, section
from joinstream.checkpoint.reuse import Fresh, Reuse, compare
from joinstream.checkpoint.serde import Blob, can_be_split, dump

INLINE_BYTES = 128
"""Up to this size a value, or the end of a list, is repeated in every checkpoint: a part of its own
would cost more than that in its row and index entry."""

PART_BYTES = 4096
"""Items are packed together up to about this size; it is what changing one item rewrites."""

MAX_RUNS = 64
"""A value scattered over more runs than this, and a quarter of its parts, is written anew."""


class Shape(IntEnum):
    """How the parts make up the value. The numbers are stored."""

    WHOLE = 0
    LIST = 1
    DICT = 2
    LIST_SNAPSHOT = 3
    DICT_SNAPSHOT = 4


@dataclass(frozen=True, slots=True)
class Held:
    """A stored value. `rest` is the value itself, or those of its items that are in no part."""

    shape: Shape
    rest: Blob | None
    rest_count: int = 0
    runs: Sequence[Run] = ()
    pieces: Sequence[Piece] = ()


NOTHING = Held(Shape.WHOLE, None)
"""The earlier value of a channel that had none."""


@dataclass(frozen=True, slots=True)
class NewPart:
    """A part to be written."""

    piece: Piece
    blob: Blob


@dataclass(frozen=True, slots=True)
class Draft:
    """A value about to be stored: parts of the earlier one and new ones, in order, and a rest."""

    shape: Shape
    rest: Blob | None
    rest_count: int = 0
    base: Held = NOTHING
    plan: Sequence[Reuse | NewPart] = ()

    @property
    def part_count(self) -> int:
        return sum(step.stop - step.start if isinstance(step, Reuse) else 1 for step in self.plan)

    @property
    def new_part_count(self) -> int:
        return sum(isinstance(step, NewPart) for step in self.plan)

    def place(self, places: Iterable[Address]) -> tuple[Held, list[tuple[Address, NewPart]]]:
        """How the value is held once its new parts are at these places, and what goes where."""
        free = iter(places)
        runs: list[Run] = []
        pieces: list[Piece] = []
        written: list[tuple[Address, NewPart]] = []
        for step in self.plan:
            if isinstance(step, Reuse):
                runs.extend(section(self.base.runs, step.start, step.stop))
                pieces.extend(self.base.pieces[step.start : step.stop])
            else:
                address = next(free)
                runs.append(Run(address.log, address.seq, address.seq))
                pieces.append(step.piece)
                written.append((address, step))
        return Held(self.shape, self.rest, self.rest_count, joined(runs), pieces), written


def unchanged(held: Held) -> Draft:
    """The same value again."""
    plan = [Reuse(0, len(held.pieces))] if held.pieces else []
    return Draft(held.shape, held.rest, held.rest_count, held, plan)


def draft(serde: SerializerProtocol, channel: str, value: Any, base: Held) -> Draft:
    """Serialise what is not stored yet. Raises Unserializable."""
    shape, items = _items(value) if can_be_split(serde) else (Shape.WHOLE, ())
    if shape is not Shape.WHOLE:
        with suppress(_CannotBeSplit):
            return _Splitter(serde, channel, shape, items, _usable(base, shape)).draft()
    blob = dump(serde, channel, value)
    if len(blob[1]) <= INLINE_BYTES:
        return Draft(Shape.WHOLE, blob)
    return Draft(Shape.WHOLE, None, plan=[NewPart(Piece(1, None), blob)])


def assemble(shape: Shape, chunks: Sequence[Any]) -> Any:
    """The value from what its parts and its rest decode to."""
    if shape in _LISTS:
        return wrap(shape, [item for chunk in chunks for item in chunk])
    return wrap(shape, {key: item for chunk in chunks for key, item in chunk.items()})


def wrap(shape: Shape, container: Any) -> Any:
    """The value from the list or dict of all its items."""
    return _DeltaSnapshot(container) if shape in _SNAPSHOTS else container


def pieces_of(value: Any, sizes: Sequence[int]) -> tuple[Sequence[Piece], int]:
    """The pieces of a stored value whose parts have these sizes, and how many items are left."""
    shape, items = _items(value)
    if shape is Shape.WHOLE or len(items) < sum(sizes):
        # Keys that read back as one: nothing can be said about the parts, nor be reused of them.
        return [Piece(size, None) for size in sizes], 0
    pieces: list[Piece] = []
    position = 0
    for size in sizes:
        pieces.append(piece_of(_packed(shape, items[position : position + size])))
        position += size
    return pieces, len(items) - position


_LISTS = (Shape.LIST, Shape.LIST_SNAPSHOT)
_SNAPSHOTS = (Shape.LIST_SNAPSHOT, Shape.DICT_SNAPSHOT)


def _items(value: Any) -> tuple[Shape, Sequence[Any]]:
    if type(value) is list:
        return Shape.LIST, value
    if type(value) is dict:
        return Shape.DICT, list(value.items())
    if type(value) is _DeltaSnapshot:
        shape, items = _items(value.value)
        if shape is Shape.LIST:
            return Shape.LIST_SNAPSHOT, items
        if shape is Shape.DICT:
            return Shape.DICT_SNAPSHOT, items
    return Shape.WHOLE, ()


def _packed(shape: Shape, items: Sequence[Any]) -> Any:
    """These items in a container of their own."""
    return list(items) if shape in _LISTS else dict(items)


def _usable(base: Held, shape: Shape) -> Held:
    scattered = len(base.runs) > max(MAX_RUNS, len(base.pieces) // 4)
    return base if base.shape is shape and not scattered else NOTHING


class _CannotBeSplit(Exception):
    """An item was pickled: a list then reads back differently from one pickled whole."""


class _Splitter:
    """Drafts a list or dict."""

    def __init__(
        self,
        serde: SerializerProtocol,
        channel: str,
        shape: Shape,
        items: Sequence[Any],
        base: Held,
    ) -> None:
        self._serde = serde
        self._channel = channel
        self._shape = shape
        self._items = items
        self._base = base
        self._pack = partial(_packed, shape)

    def draft(self) -> Draft:
        steps = compare(self._items, self._pack, self._base.pieces)
        ending = Fresh(0, 0)
        if steps and isinstance(last := steps[-1], Fresh):
            ending = last
            steps.pop()
        plan: list[Reuse | NewPart] = []
        for step in steps:
            plan.extend([step] if isinstance(step, Reuse) else self._parts(step))
        rest: Blob | None = None
        if ending.start < ending.stop or not plan:
            rest = self._dump(self._pack(self._items[ending.start :]))
            if len(rest[1]) > INLINE_BYTES:
                for fresh in self._apart_from_old_rest(ending, steps):
                    plan.extend(self._parts(fresh, rest if fresh == ending else None))
                rest, ending = None, Fresh(0, 0)
        return Draft(self._shape, rest, ending.stop - ending.start, self._base, plan)

    def _apart_from_old_rest(
        self, ending: Fresh, before: Sequence[Reuse | Fresh]
    ) -> Iterator[Fresh]:
        """Items that were inline get a part of their own: what follows then equals a task's write,
        and is stored once for both."""
        reused = before[-1].stop if before and isinstance(before[-1], Reuse) else 0
        appended = reused == len(self._base.pieces)
        middle = min(ending.start + self._base.rest_count, ending.stop) if appended else 0
        if ending.start < middle:
            yield Fresh(ending.start, middle)
        if max(ending.start, middle) < ending.stop:
            yield Fresh(max(ending.start, middle), ending.stop)

    def _parts(self, fresh: Fresh, blob: Blob | None = None) -> Iterator[NewPart]:
        items = self._items[fresh.start : fresh.stop]
        whole = self._pack(items)
        blob = blob or self._dump(whole)
        per_part = max(1, len(items) * PART_BYTES // len(blob[1]))
        if per_part >= len(items):
            yield NewPart(piece_of(whole), blob)
            return
        for start in range(0, len(items), per_part):
            packed = self._pack(items[start : start + per_part])
            yield NewPart(piece_of(packed), self._dump(packed))

    def _dump(self, packed: Any) -> Blob:
        blob = dump(self._serde, self._channel, packed)
        if not blob[0].startswith("msgpack"):
            raise _CannotBeSplit
        return blob
