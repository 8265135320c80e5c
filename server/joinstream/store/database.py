"""asyncpg with joinstream's errors: callers see RequestErrors, never the driver's own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from joinstream.store.errors import as_request_error


class Database:
    """Runs named queries on a pool or on one connection.

    Raises Unavailable when Postgres is away, Unprocessable or PayloadTooLarge when a value cannot
    be stored; programming errors pass as they are.
    """

    def __init__(self, executor: asyncpg.Pool | asyncpg.Connection) -> None:
        self._executor = executor

    async def fetch(self, query: str, *arguments: Any) -> list[asyncpg.Record]:
        try:
            rows: list[asyncpg.Record] = await self._executor.fetch(query, *arguments)
        except Exception as error:
            raise (as_request_error(error) or error) from error
        return rows

    async def fetchrow(self, query: str, *arguments: Any) -> asyncpg.Record | None:
        try:
            return await self._executor.fetchrow(query, *arguments)
        except Exception as error:
            raise (as_request_error(error) or error) from error

    async def fetchval(self, query: str, *arguments: Any) -> Any:
        try:
            return await self._executor.fetchval(query, *arguments)
        except Exception as error:
            raise (as_request_error(error) or error) from error

    async def execute(self, query: str, *arguments: Any) -> int:
        """Run a statement; the number of rows it touched."""
        try:
            status: str = await self._executor.execute(query, *arguments)
        except Exception as error:
            raise (as_request_error(error) or error) from error
        return int(status.rpartition(" ")[2])


@asynccontextmanager
async def transaction(pool: asyncpg.Pool) -> AsyncIterator[asyncpg.Connection]:
    """A connection in a transaction. Raises as `Database` does, also when none is to be had."""
    try:
        async with pool.acquire() as connection, connection.transaction():
            yield connection
    except Exception as error:
        if (known := as_request_error(error)) is None:
            raise
        raise known from error
