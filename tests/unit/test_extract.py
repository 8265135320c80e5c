"""Paths into threads."""

import pytest

from joinstream.domain.extract import parse_extracts, picked
from joinstream.domain.threads import Extract


@pytest.mark.parametrize(
    ("path", "root", "steps"),
    [
        ("values", "values", []),
        ("values.messages[-1].content", "values", ["messages", "-1", "content"]),
        ("metadata.a b.ç", "metadata", ["a b", "ç"]),
        ("interrupts[0][1]", "interrupts", ["0", "1"]),
        ("config.configurable.user-id", "config", ["configurable", "user-id"]),
    ],
)
def test_a_path_is_its_root_and_steps(path: str, root: str, steps: list[str]) -> None:
    (extract,) = parse_extracts({"alias": path})
    assert extract == Extract("alias", root, steps)  # type: ignore[arg-type]  # the parameter is any text


@pytest.mark.parametrize("path", ["", ".", "values.", "values[]", "values[1", "valuesx", "error.a"])
def test_a_malformed_path_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="path"):
        parse_extracts({"alias": path})


@pytest.mark.parametrize("place", ["9" * 5000, "-" + "9" * 5000, "9" * 18])
def test_no_number_is_too_large_for_a_place(place: str) -> None:
    (extract,) = parse_extracts({"alias": f"values[{place}]"})
    assert picked(extract, ["a"]) is None
