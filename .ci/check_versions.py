"""Fails unless the newest entry of the changelog and every place that has a version agree."""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def text(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def first_match(pattern: str, path: str) -> str:
    found = re.search(pattern, text(path), re.MULTILINE)
    return found[1] if found else "none"


versions = {
    "CHANGELOG.md": first_match(r"^## \[(\d[^\]]*)\]", "CHANGELOG.md"),
    "pyproject.toml": tomllib.loads(text("pyproject.toml"))["project"]["version"],
    "sdk/pyproject.toml": tomllib.loads(text("sdk/pyproject.toml"))["project"]["version"],
    "joinstream.__version__": first_match(
        r'^__version__ = "(.+)"', "server/joinstream/__init__.py"
    ),
}
if len(set(versions.values())) > 1:
    sys.exit(f"versions differ: {', '.join(f'{k} {v}' for k, v in versions.items())}")
