"""What many rows cost: each act on full tables beside the same on nearly empty ones.

Full is 100,000 threads with 1,000,000 runs, of which 100,000 wait. Nearly empty, in the column
"bare", is a fortieth of that, so that the pages of answers are as long. The two databases take
turns. What is timed is a call of the store: HTTP would only hide a slow statement behind its own
time.
"""

import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from benchmarks.support.acts import ACTS, COUNTS, Act, Tables
from benchmarks.support.filling import Size, fill
from benchmarks.support.lab import Lab
from benchmarks.support.measurement import Aim, Measurement
from benchmarks.support.servers import data_folder
from joinstream.store.embedded import EmbeddedPostgres
from joinstream.store.migrate import migrate
from joinstream.store.pool import create_pool

FULL = Size(threads=100_000, runs=1_000_000, pending=100_000)
SMALL = Size(threads=2_500, runs=25_000, pending=2_500)
SAMPLES = 1000
WARM_UP = 50
TIMES = 2


async def run(_: Lab) -> AsyncIterator[Measurement]:
    with data_folder() as folder, EmbeddedPostgres(folder) as postgres:
        async with _tables(postgres.uri, SMALL) as small, _tables(postgres.uri, FULL) as full:
            for name, act in (ACTS | COUNTS).items():
                few, many = await _times(act, small, full)
                for p in (50, 99):
                    floor = _percentile(few, p)
                    aim = Aim(TIMES * floor, f"{TIMES} x bare") if name in ACTS else None
                    yield Measurement(
                        "scale",
                        f"{name}: p{p}",
                        None,
                        _percentile(many, p),
                        "seconds",
                        floor,
                        aim,
                    )


@asynccontextmanager
async def _tables(uri: str, size: Size) -> AsyncIterator[Tables]:
    """A database of that size, beside others on the same server."""
    name = f"of_{size.threads}_threads"
    connection = await asyncpg.connect(uri)
    await connection.execute(f"create database {name}")
    await connection.close()
    own = urlunsplit(urlsplit(uri)._replace(path=f"/{name}"))
    await migrate(own)
    await fill(own, size)
    async with await create_pool(own, max_size=1) as pool:
        yield Tables(pool, size)


async def _times(act: Act, *places: Tables) -> list[list[float]]:
    """Seconds that the act takes in each of the places, which take turns."""
    times: list[list[float]] = [[] for _ in places]
    for sample in range(WARM_UP + SAMPLES):
        for place, taken in zip(places, times, strict=True):
            began = time.perf_counter()
            await act(place)
            if sample >= WARM_UP:
                taken.append(time.perf_counter() - began)
    return times


def _percentile(times: list[float], p: int) -> float:
    return statistics.quantiles(times, n=100, method="inclusive")[p - 1]
