"""The order of keys in what a run is given, through a column that sorts them."""

import json
from typing import Any

import pytest

from joinstream.store.key_order import in_key_order, with_key_order


def stored(value: Any) -> Any:
    """As `jsonb` gives it back."""
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: (len(key.encode()), key.encode()))
        return {key: stored(value[key]) for key in keys}
    return [stored(each) for each in value] if isinstance(value, list | tuple) else value


def kwargs_of(given: Any, **others: Any) -> dict[str, Any]:
    return {"input": given, "command": None, "context": {}, **others}


def deep(levels: int) -> Any:
    value: Any = {"zz": 1, "a": 2}
    for _ in range(levels):
        value = {"in": [value], "a": 0}
    return value


@pytest.mark.parametrize(
    "given",
    [
        {"zebra": {"y": 1, "x": [{"bb": 1, "a": {"d": 1, "c": 2}}, 3, [{"2": 0, "1": 0}]]}, "b": 2},
        [{"type": "human", "content": "hi", "id": "1"}] * 3,
        {"é": 1, "zz": 2, "ab": 3, "": 4, "key_order": {"b": 1, "a": 2}},
        deep(120),
        "text",
        None,
    ],
)
def test_keys_come_back_in_the_order_they_were_sent_in(given: Any) -> None:
    kwargs = kwargs_of(given, command={"update": {"b": 1, "a": 2}, "resume": None})
    back = in_key_order(stored(with_key_order(kwargs)))
    assert back.keys() == kwargs.keys()
    for part in kwargs:
        assert json.dumps(back[part]) == json.dumps(kwargs[part])


def test_what_postgres_leaves_in_order_is_stored_as_it_is() -> None:
    kwargs = kwargs_of({"messages": [{"role": "user", "content": "hi"}]})
    assert with_key_order(kwargs) == kwargs


def test_an_order_that_does_not_fit_any_more_changes_no_value() -> None:
    kwargs = with_key_order(kwargs_of({"b": [{"d": 1, "c": 2}], "a": {"f": 1, "e": 2}}))
    other = {"b": "sealed", "a": {"g": 3, "e": 2}}
    assert in_key_order({**kwargs, "input": other})["input"] == other
