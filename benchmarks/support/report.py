"""Measurements as a table for people, and as JSON for comparisons."""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from benchmarks.support.measurement import Measurement, Unit

_PACKAGES = ("langgraph", "langchain-core", "uvicorn", "asyncpg", "redis", "orjson")
_VERDICTS = {True: "[green]met[/]", False: "[red]missed[/]", None: ""}
_SCALES: dict[Unit, tuple[tuple[float, str], ...]] = {
    "seconds": ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")),
    "bytes": ((1e6, "MB"), (1e3, "kB"), (1.0, "B")),
    "per second": ((1.0, "/s"),),
}


def print_table(title: str, measurements: Sequence[Measurement], console: Console) -> None:
    """One row for each number: its aim, and the bare floor beside it. Where there is little room,
    names are wrapped, and no number is cut."""
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    table.add_column("", overflow="fold")
    table.add_column("mode", no_wrap=True)
    for heading in ("number", "bare", "times bare"):
        table.add_column(heading, justify="right", no_wrap=True)
    for heading in ("aim", ""):
        table.add_column(heading, no_wrap=True)
    for measurement in measurements:
        table.add_row(*_cells(measurement))
    console.print(table)


def _cells(measurement: Measurement) -> tuple[str, ...]:
    value, unit, floor = measurement.value, measurement.unit, measurement.floor
    return (
        measurement.name,
        measurement.mode or "",
        in_words(value, unit),
        "" if floor is None else in_words(floor, unit),
        "" if not floor else f"{value / floor:.2f}",
        "" if measurement.aim is None else measurement.aim.label,
        _VERDICTS[measurement.met],
    )


def in_words(value: float, unit: Unit) -> str:
    """A number with a unit of a size to read, such as `412 µs`."""
    scales = _SCALES[unit]
    size, name = next((scale for scale in scales if abs(value) >= scale[0]), scales[-1])
    number = value / size
    return f"{number:.0f} {name}" if abs(number) >= 100 else f"{number:.3g} {name}"


def store(
    folder: Path, started: datetime, load: float, measurements: Sequence[Measurement]
) -> Path:
    """Append the session to `<date>-<commit>.json` in `folder`, a list of sessions."""
    commit = _git("rev-parse", "--short", "HEAD")
    path = folder / f"{started:%Y-%m-%d}-{commit}.json"
    sessions: list[dict[str, Any]] = json.loads(path.read_text()) if path.exists() else []
    sessions.append(
        {
            "started_at": started.isoformat(timespec="seconds"),
            "commit": commit,
            "changed_since_commit": bool(_git("status", "--porcelain", "--", "server")),
            "load_average_at_start": load,
            "machine": _machine(),
            "measurements": [_to_json(measurement) for measurement in measurements],
        }
    )
    folder.mkdir(exist_ok=True)
    path.write_text(json.dumps(sessions, indent=1, ensure_ascii=False) + "\n")
    return path


def _to_json(measurement: Measurement) -> dict[str, Any]:
    return asdict(measurement) | {"met": measurement.met}


def _machine() -> dict[str, Any]:
    return {
        "cpus": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": sys.version.split()[0],
        "packages": {name: version(name) for name in _PACKAGES},
    }


def _git(*arguments: str) -> str:
    answer = subprocess.run(("git", *arguments), check=True, capture_output=True, text=True)
    return answer.stdout.strip()
