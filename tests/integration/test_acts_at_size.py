"""What the benchmark `scale` times touches few pages, however many rows there are.

The tables are a fifth of the benchmark's. Pages are counted, as they are the same on every machine;
each act is done often enough for Postgres to have settled on a plan that serves any argument.
"""

from collections.abc import AsyncIterator

import asyncpg
import pytest
from benchmarks.support.acts import ACTS, Tables
from benchmarks.support.filling import Size, fill

from joinstream.store.pool import create_pool
from tests.support.pages import counted_pages
from tests.support.postgres import PostgresForTests

SIZE = Size(threads=20_000, runs=200_000, pending=20_000)
"""Over 3,000 pages of threads and 20,000 of runs."""
REPETITIONS = 8
FEW_PAGES = 500
"""Up to a thousand index entries for the total of a search, and twenty rows or fifty."""
BEFORE = {
    "finish a run": "claim a run",
    "cancel a run": "create a stateless run",
}
"""What has to be done first, without being counted."""


@pytest.fixture(scope="module")
async def tables(postgres: PostgresForTests) -> AsyncIterator[tuple[asyncpg.Pool, Tables]]:
    uri = await postgres.fresh_database()
    await fill(uri, SIZE)
    async with await create_pool(uri, max_size=1) as pool:
        yield pool, Tables(pool, SIZE)
    await postgres.drop_database(uri)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", ACTS)
async def test_an_act_touches_few_pages(tables: tuple[asyncpg.Pool, Tables], name: str) -> None:
    pool, place = tables
    dearest = 0
    for repetition in range(2 * REPETITIONS):
        if name in BEFORE:
            await ACTS[BEFORE[name]](place)
        async with counted_pages(pool) as pages:
            await ACTS[name](place)
        if repetition >= REPETITIONS:
            dearest = max(dearest, pages.touched)
    assert dearest < FEW_PAGES
