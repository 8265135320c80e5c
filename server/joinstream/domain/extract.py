"""Paths that pick a value out of a thread: `values.messages[-1].content`."""

import re
from collections.abc import Mapping
from typing import Any

from joinstream.domain.threads import EXTRACT_ROOTS, THREAD_FIELDS, Extract

MAX_EXTRACTS = 10
_STEP = re.compile(r"\.([^.\[\]]+)|\[(-?\d+)\]")
_INDEX = re.compile(r"-?[0-9]{1,18}")
"""No list has items beyond these, and Python reads no number of any length."""
_TAKEN = frozenset(THREAD_FIELDS) | {"ttl", "extracted"}


def parse_extracts(paths: Mapping[str, str]) -> list[Extract]:
    """Read `{alias: path}`. Raises ValueError that says what an alias or path looks like."""
    if len(paths) > MAX_EXTRACTS:
        raise ValueError(f"takes at most {MAX_EXTRACTS} paths")
    return [_parse(alias, path) for alias, path in paths.items()]


def _parse(alias: str, path: str) -> Extract:
    if not alias.isidentifier() or alias in _TAKEN:
        raise ValueError(f"alias {alias!r} must be an identifier that is no field of a thread")
    root = next((name for name in EXTRACT_ROOTS if re.match(rf"{name}\b", path)), None)
    if root is None:
        raise ValueError(f"path {path!r} must start with one of {', '.join(EXTRACT_ROOTS)}")
    steps, position = [], len(root)
    while position < len(path):
        step = _STEP.match(path, position)
        if step is None:
            raise ValueError(f"path {path!r} must look like values.messages[-1].content")
        steps.append(step[1] or step[2])
        position = step.end()
    return Extract(alias, root, steps)


def picked(extract: Extract, root: Any) -> Any:
    """The value at the path, None when there is none; as Postgres' `#>` finds it."""
    value = root
    for step in extract.path:
        value = _at(step, value)
    return value


def _at(step: str, value: Any) -> Any:
    if isinstance(value, dict):
        return value.get(step)
    if isinstance(value, list) and _INDEX.fullmatch(step):
        place = int(step)
        return value[place] if -len(value) <= place < len(value) else None
    return None
