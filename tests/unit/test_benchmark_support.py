"""The benchmarks' own instruments."""

import json
from datetime import UTC, datetime
from io import StringIO
from itertools import pairwise
from pathlib import Path

import pytest
from benchmarks.support.http import Occurrences
from benchmarks.support.measurement import Aim, Measurement, Unit
from benchmarks.support.report import in_words, print_table, store
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

BODY = b"event: custom\ndata: 1\n\nevent: customs\ndata: 2\n\nevent: custom\ndata: 3\n\n"


@given(st.lists(st.integers(0, len(BODY)), max_size=8))
def test_events_are_counted_once_however_the_body_is_cut(cuts: list[int]) -> None:
    seen = Occurrences(b"event: custom\n")
    edges = [0, *sorted(cuts), len(BODY)]
    for start, end in pairwise(edges):
        seen.feed(BODY[start:end])
    assert seen.count == 2


def test_the_first_appearance_keeps_its_time() -> None:
    seen = Occurrences(b"token")
    seen.feed(b"tok")
    assert seen.first_at is None
    seen.feed(b"en")
    first = seen.first_at
    seen.feed(b"token")
    assert first is not None
    assert seen.first_at == first


def test_where_there_is_little_room_no_number_is_cut() -> None:
    name = "Redis CPU a token of something whose name is long"
    aim = Aim(0.0001, "< 2.5 times bare")
    measured = Measurement("tokens", name, "redis", 0.0000825, "seconds", 0.0000125, aim)
    printed = StringIO()
    print_table("tokens", [measured], Console(file=printed, width=80))
    assert all(words in printed.getvalue() for words in ("82.5 µs", "12.5 µs", "6.60", "met"))
    assert "…" not in printed.getvalue()


def test_a_session_is_added_to_those_of_the_same_day_and_commit(tmp_path: Path) -> None:
    measurement = Measurement("waits", "CPU", "dev", 0.002, "seconds", aim=Aim(0.001, "< 1 ms"))
    started = datetime(2026, 1, 2, tzinfo=UTC)
    store(tmp_path, started, 0.5, [measurement])
    path = store(tmp_path, started, 0.7, [measurement])
    sessions = json.loads(path.read_text())
    assert path.name.startswith("2026-01-02-")
    assert [session["load_average_at_start"] for session in sessions] == [0.5, 0.7]
    assert sessions[0]["measurements"][0]["value"] == 0.002
    assert sessions[0]["measurements"][0]["met"] is False


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (0.0000123, "seconds", "12.3 µs"),
        (0.5, "seconds", "500 ms"),
        (2.345, "seconds", "2.35 s"),
        (105_400_000, "bytes", "105 MB"),
        (1_500, "bytes", "1.5 kB"),
        (1234.4, "per second", "1234 /s"),
    ],
)
def test_numbers_have_units_of_a_size_to_read(value: float, unit: Unit, words: str) -> None:
    assert in_words(value, unit) == words
