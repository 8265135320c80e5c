"""`python -m benchmarks`: run benchmarks, print their numbers, keep them when asked."""

import os
import sys
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
import uvloop
from rich.console import Console

from benchmarks import checkpoints, idle, joiners, latency, readers, scale, startup, tokens, waits
from benchmarks.support.lab import Lab, open_lab
from benchmarks.support.measurement import Measurement, Mode
from benchmarks.support.report import print_table, store

WIDTH_OF_FILES = 110
RESULTS = Path(__file__).parent / "results"

BENCHMARKS: dict[str, Callable[[Lab], AsyncIterator[Measurement]]] = {
    "latency": latency.run,
    "waits": waits.run,
    "tokens": tokens.run,
    "joiners": joiners.run,
    "readers": readers.run,
    "idle": idle.run,
    "startup": startup.run,
    "checkpoints": checkpoints.run,
    "scale": scale.run,
}


class Modes(StrEnum):
    DEV = "dev"
    REDIS = "redis"
    BOTH = "both"


_MODES: dict[Modes, tuple[Mode, ...]] = {
    Modes.DEV: ("dev",),
    Modes.REDIS: ("redis",),
    Modes.BOTH: ("dev", "redis"),
}


def main(
    names: Annotated[
        list[str] | None, typer.Argument(help=f"Some of: {', '.join(BENCHMARKS)}.")
    ] = None,
    mode: Annotated[
        Modes, typer.Option(help="`joinstream dev`, `joinstream serve` over Redis, or both.")
    ] = Modes.BOTH,
    keep: Annotated[
        bool, typer.Option("--store", help="Keep the numbers in benchmarks/results/.")
    ] = False,
) -> None:
    """Measure this server beside the bare graph."""
    chosen = names or list(BENCHMARKS)
    if unknown := set(chosen) - BENCHMARKS.keys():
        raise typer.BadParameter(f"no such benchmark: {', '.join(sorted(unknown))}")
    started, load = datetime.now(UTC), os.getloadavg()[0]
    console = Console(width=None if sys.stdout.isatty() else WIDTH_OF_FILES)
    console.print(f"load average before the start: {load:.2f} on {os.cpu_count()} CPUs")
    measurements = uvloop.run(_measure(chosen, _MODES[mode], console))
    if keep:
        console.print(f"stored in {store(RESULTS, started, load, measurements)}")


async def _measure(
    chosen: list[str], modes: tuple[Mode, ...], console: Console
) -> list[Measurement]:
    everything = []
    with open_lab(modes) as lab:
        for name in chosen:
            measurements = [measurement async for measurement in BENCHMARKS[name](lab)]
            print_table(name, measurements, console)
            everything += measurements
    return everything


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
app.command()(main)

if __name__ == "__main__":
    app()
