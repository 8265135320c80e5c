"""Counts the 8 KiB pages that whatever runs on a pool of one connection reads: no clock needed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg

_READ = """
select coalesce(sum(heap_blks_read + heap_blks_hit + coalesce(idx_blks_read + idx_blks_hit, 0)
    + coalesce(toast_blks_read + toast_blks_hit + tidx_blks_read + tidx_blks_hit, 0)), 0)::bigint
from pg_statio_user_tables
"""


@dataclass
class Pages:
    """`touched` is set when the block ends."""

    touched: int = 0


@asynccontextmanager
async def counted_pages(pool: asyncpg.Pool) -> AsyncIterator[Pages]:
    """Pages of tables and indexes that the block touches, in memory or not."""
    assert pool.get_max_size() == 1, "what another connection read is reported too late"
    pages = Pages()
    before = await _pages_read(pool)
    yield pages
    pages.touched = await _pages_read(pool) - before


async def _pages_read(pool: asyncpg.Pool) -> int:
    await pool.execute("select pg_stat_force_next_flush()")
    read: int = await pool.fetchval(_READ)
    return read
