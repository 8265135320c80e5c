"""LangGraph's Postgres store, opened when it is first used: most processes never need it."""

import asyncio
from collections.abc import Iterable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from langgraph.store.base import BaseStore, Op, Result, TTLConfig

from joinstream.errors import Unavailable, Unprocessable
from joinstream.item_store.config import TtlConfig

if TYPE_CHECKING:
    from langgraph.store.postgres import AsyncPostgresStore
    from langgraph.store.postgres.base import PostgresIndexConfig

MOST_CONNECTIONS = 4
"""Of one process, beside those of the pool. Operations are batched, so few serve many."""


class PostgresItemStore(BaseStore):
    """Belongs to the event loop that it is made in; `batch` may be called from other threads.

    `index` is the library's own configuration of semantic search, None for none. `close` it when
    done.
    """

    supports_ttl = True

    def __init__(
        self, database_uri: str, index: "PostgresIndexConfig | None", ttl: TtlConfig
    ) -> None:
        self.ttl_config = TTLConfig(
            refresh_on_read=ttl.refresh_on_read, default_ttl=ttl.default_ttl, omit_expired=True
        )
        self._uri = database_uri
        self._index = index
        self._loop = asyncio.get_running_loop()
        self._opening = asyncio.Lock()
        self._opened: AsyncPostgresStore | None = None
        self._resources = AsyncExitStack()

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """Raises Unavailable when Postgres is away, Unprocessable for what it cannot hold."""
        store = self._opened or await self._open()
        import psycopg

        try:
            return await store.abatch(ops)
        except psycopg.OperationalError as error:
            raise Unavailable("The store cannot reach its database.") from error
        except psycopg.DataError as error:
            raise Unprocessable(f"The store cannot take this: {error}.") from error

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """From a thread of its own only. Raises RuntimeError on the event loop."""
        try:
            running = asyncio.get_running_loop()
        except RuntimeError:
            running = None
        if running is self._loop:
            raise RuntimeError(
                "The store was called synchronously on the event loop, which would wait for "
                "itself: use its async methods, such as `await store.aget(...)`, or a sync node."
            )
        return asyncio.run_coroutine_threadsafe(self.abatch(ops), self._loop).result()

    async def close(self) -> None:
        if self._opened is not None and (batching := self._opened._task) is not None:
            batching.cancel()
            await asyncio.gather(batching, return_exceptions=True)
        await self._resources.aclose()

    async def _open(self) -> "AsyncPostgresStore":
        from langgraph.store.postgres import AsyncPostgresStore

        opening = AsyncPostgresStore.from_conn_string(
            self._uri,
            pool_config={"min_size": 1, "max_size": MOST_CONNECTIONS},
            index=self._index,
            ttl=self.ttl_config,
        )
        async with self._opening:
            if self._opened is None:
                self._opened = await self._resources.enter_async_context(opening)
        return self._opened
