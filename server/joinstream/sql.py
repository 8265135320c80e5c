"""Loads named queries from `.sql` files.

A file is a sequence of `-- name: what_it_does` headers, each followed by comment lines with its
purpose and one statement. Queries are reached as `queries["what_it_does"]`.
"""

import re
from functools import cache
from pathlib import Path

_HEADER = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)


@cache
def load_queries(path: Path) -> dict[str, str]:
    """Read every named query of a file. Raises ValueError when a name appears twice."""
    _, *parts = _HEADER.split(path.read_text(encoding="utf-8"))
    names, bodies = parts[::2], parts[1::2]
    if len(set(names)) != len(names):
        raise ValueError(f"{path.name} defines a query twice")
    return {name: body.strip().rstrip(";") for name, body in zip(names, bodies, strict=True)}
