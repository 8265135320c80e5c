"""Each event that LangServe's clients are sent is written in one place of the code."""

import ast
from collections import Counter
from pathlib import Path

import pytest

import joinstream.langserve_api

PACKAGE = Path(joinstream.langserve_api.__file__).parent
EVENTS = {"metadata", "data", "error"}
END = b"event: end\n\n"


def written() -> Counter[str]:
    """How often each event is written: by `sse_bytes`, or as it is."""
    found: Counter[str] = Counter()
    for path in PACKAGE.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", None) == "sse_bytes":
                name = node.args[0]
                assert isinstance(name, ast.Constant), f"{path.name}: the event has no name"
                found[str(name.value)] += 1
            if isinstance(node, ast.Constant) and b"event: " in as_bytes(node.value):
                found[as_bytes(node.value).decode()] += 1
    return found


def as_bytes(literal: object) -> bytes:
    if isinstance(literal, str):
        return literal.encode()
    return literal if isinstance(literal, bytes) else b""


@pytest.mark.parametrize("event", [*sorted(EVENTS), END.decode()])
def test_each_is_written_once(event: str) -> None:
    assert written()[event] == 1


def test_no_other_is_written() -> None:
    assert set(written()) == EVENTS | {END.decode()}
