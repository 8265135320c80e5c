"""Values taken apart into parts are put together again exactly, whatever happens to them."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.serde.types import _DeltaSnapshot

from joinstream.checkpoint import values as values_module
from joinstream.checkpoint.parts import Address, Log, Run, addresses, joined, section
from joinstream.checkpoint.reading import StoredValue, read_value
from joinstream.checkpoint.serde import Blob
from joinstream.checkpoint.values import NOTHING, Held, draft, pieces_of

SERDE = JsonPlusSerializer()

runs = st.lists(
    st.builds(
        lambda log, first, length: Run(log, first, first + length),
        st.integers(0, 2),
        st.integers(0, 9),
        st.integers(0, 5),
    ),
    max_size=6,
)
words = st.text(st.characters(codec="utf-8"), max_size=40)
items: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from([0.0, -0.0, 1.0, float("nan")]),
    words,
    st.builds(HumanMessage, content=words, id=words),
    st.builds(AIMessage, content=st.lists(words, max_size=2), id=words),
    st.tuples(words, words),
    st.dictionaries(words, words, max_size=2),
    st.builds(Exception, words),
    st.sets(words),
)
edits = st.tuples(
    st.sampled_from(["append", "append", "append", "replace", "remove", "cut", "move", "clear"]),
    st.integers(0, 200),
    st.lists(items, min_size=1, max_size=4),
)


class Storage:
    """Keeps one channel as the saver does, on a dictionary for a table of parts."""

    def __init__(self) -> None:
        self.parts: dict[Address, Blob] = {}
        self.log = Log.fresh()
        self.held: Held = NOTHING

    def store(self, value: Any) -> None:
        drafted = draft(SERDE, "channel", value, self.held)
        places = addresses([self.log.append(drafted.new_part_count)])
        self.held, written = drafted.place(places if drafted.new_part_count else ())
        assert sum(1 for _ in addresses(self.held.runs)) == drafted.part_count
        for address, part in written:
            assert address not in self.parts
            self.parts[address] = part.blob

    def read(self) -> Any:
        stored = StoredValue(self.held.shape, self.held.runs, self.held.rest)
        return read_value(SERDE, stored, self.parts)

    def forget(self) -> Any:
        """Go on as a new saver does, which knows only what it reads."""
        value, sizes = self.read()
        pieces, rest_count = pieces_of(value, sizes)
        self.held = Held(self.held.shape, self.held.rest, rest_count, self.held.runs, pieces)
        return value


def edited(value: list[Any], edit: tuple[str, int, list[Any]]) -> list[Any]:
    kind, at, new = edit
    at = at % (len(value) or 1)
    match kind:
        case "replace":
            return [*value[:at], *new, *value[at + len(new) :]]
        case "remove":
            return value[:at] + value[at + 1 :]
        case "cut":
            return value[at:]
        case "move":
            return [*value[at:], *value[:at]]
        case "clear":
            return new
        case _:
            return value + new


@pytest.fixture(autouse=True, params=["small", "as they are"])
def sizes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With small sizes, few items already make many parts and runs."""
    if request.param == "small":
        monkeypatch.setattr(values_module, "INLINE_BYTES", 8)
        monkeypatch.setattr(values_module, "PART_BYTES", 40)
        monkeypatch.setattr(values_module, "MAX_RUNS", 4)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(edits, st.booleans(), st.sampled_from(["list", "snapshot", "dict"]))))
def test_a_value_reads_back_as_if_it_had_been_stored_whole(
    history: list[tuple[tuple[str, int, list[Any]], bool, str]],
) -> None:
    storage = Storage()
    value: list[Any] = []
    for edit, restarted, shape in history:
        value = edited(value, edit)
        as_shaped: Any = value
        if shape == "snapshot":
            as_shaped = _DeltaSnapshot(value)
        elif shape == "dict":
            as_shaped = {str(at): item for at, item in enumerate(value)}
        storage.store(as_shaped)
        assert SERDE.dumps_typed(storage.read().value) == SERDE.dumps_typed(
            SERDE.loads_typed(SERDE.dumps_typed(as_shaped))
        )
        if restarted:
            storage.forget()


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(items, min_size=1, max_size=3), max_size=40), st.booleans())
def test_appending_stores_each_item_once_and_in_one_run(
    appended: list[list[Any]], restarts: bool
) -> None:
    storage = Storage()
    value: list[Any] = []
    for new in appended:
        value = value + new
        storage.store(value)
        assert len(storage.held.runs) <= 1
        if restarts:
            value = storage.forget()
    stored_items = sum(len(SERDE.loads_typed(blob)) for blob in storage.parts.values())
    assert stored_items <= len(value)


@given(runs)
def test_joining_runs_keeps_every_part_in_its_place(scattered: list[Run]) -> None:
    assert list(addresses(joined(scattered))) == list(addresses(scattered))


@given(runs, st.integers(0, 40), st.integers(0, 40))
def test_a_section_of_runs_is_the_section_of_their_parts(
    scattered: list[Run], start: int, length: int
) -> None:
    found = addresses(section(scattered, start, start + length))
    assert list(found) == list(addresses(scattered))[start : start + length]
