"""JSON of whatever a graph may hold."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Any

import pytest

from joinstream.encoding import dumps, loads


class Colour(Enum):
    RED = "red"


@dataclass
class Measured:
    size: int
    by: Any


def endless() -> Any:
    value: list[Any] = ["\ud800"]
    value.append(value)
    return value


def deep() -> Any:
    value: Any = 2**64
    for _ in range(300):
        value = {"in": value}
    return value


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ([2**64 - 1, -(2**63)], [2**64 - 1, -(2**63)]),
        ([2**64, -(2**63) - 1, "x"], [float(2**64), -float(2**63), "x"]),
        ([10**400], [None]),
        ({True: 1, (1, 2): 2, 2**70: 3}, {"true": 1, "(1, 2)": 2, str(float(2**70)): 3}),
        (Measured(2**70, Colour.RED), {"size": float(2**70), "by": "red"}),
        (["\ud800", date(2026, 1, 2), Colour.RED], ["?", "2026-01-02", "red"]),
    ],
)
def test_what_json_has_no_word_for_does_not_take_the_rest_along(value: Any, read: Any) -> None:
    assert loads(dumps(value)) == read


@pytest.mark.parametrize("made", [endless, deep])
def test_what_is_nested_without_end_is_a_type_error(made: Callable[[], Any]) -> None:
    with pytest.raises(TypeError):
        dumps(made())
