"""Deleting, pruning and copying threads, each in one transaction.

Parts that nothing refers to any more are removed by a second statement: a writer that builds on a
checkpoint holds a lock on it, so once the deletion is through, what it saved is visible.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from secrets import randbits
from uuid import UUID

import asyncpg
from langgraph.checkpoint.serde.base import SerializerProtocol

from joinstream.checkpoint.history import find_ancestry
from joinstream.checkpoint.known import Place
from joinstream.checkpoint.queries import QUERIES
from joinstream.errors import LeaseLost
from joinstream.store.database import Database
from joinstream.store.errors import as_request_error


class Retention:
    """Acts on whole threads on behalf of one attempt of a run, or of nobody."""

    def __init__(
        self,
        executor: asyncpg.Pool | asyncpg.Connection,
        run_id: UUID | None,
        epoch: int | None,
    ) -> None:
        self._executor = executor
        self._run_id = run_id
        self._epoch = epoch

    async def delete_threads(self, threads: Sequence[UUID]) -> None:
        async with self._transaction() as database:
            await database.execute(QUERIES["delete_threads"], threads)

    async def delete_runs(self, thread: UUID | None, run_ids: Sequence[str]) -> None:
        """What these runs left on a thread, or on any."""
        async with self._transaction() as database:
            await database.fetch(QUERIES["lock_runs"], run_ids)
            scope = "of_any_thread" if thread is None else "of_thread"
            rows = await database.fetch(QUERIES[f"delete_runs_{scope}"], thread, run_ids)
            touched = [row["thread_id"] for row in rows]
            await database.execute(QUERIES["delete_unused_parts"], touched)

    async def keep_latest(
        self, threads: Sequence[UUID], count: int, serde: SerializerProtocol
    ) -> None:
        """Each namespace's newest `count` checkpoints, and what their delta channels depend on."""
        async with self._transaction() as database:
            for thread in threads:
                kept = [place async for place in _needed(database, serde, thread, count)]
                await database.execute(
                    QUERIES["keep_only"],
                    thread,
                    [place.checkpoint_ns for place in kept],
                    [place.checkpoint_id for place in kept],
                )
            await database.execute(QUERIES["delete_unused_parts"], threads)

    async def copy_thread(self, source: UUID, target: UUID) -> None:
        async with self._transaction() as database:
            await database.execute(QUERIES["copy_thread"], source, target, randbits(63))

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Database]:
        try:
            async with self._open_transaction() as database:
                yield database
        except Exception as error:  # a connection can fail to come, and to commit, too
            if known := as_request_error(error):
                raise known from error
            raise

    @asynccontextmanager
    async def _open_transaction(self) -> AsyncIterator[Database]:
        async with AsyncExitStack() as stack:
            connection = self._executor
            if isinstance(connection, asyncpg.Pool):
                connection = await stack.enter_async_context(connection.acquire())
            await stack.enter_async_context(connection.transaction())
            database = Database(connection)
            if self._run_id is not None and not await database.fetch(
                QUERIES["lock_run"], self._run_id, self._epoch
            ):
                raise LeaseLost(f"Run {self._run_id} is no longer this worker's to write for.")
            yield database


async def _needed(
    database: Database, serde: SerializerProtocol, thread: UUID, count: int
) -> AsyncIterator[Place]:
    for row in await database.fetch(QUERIES["heads"], thread, count):
        head = Place(thread, row["checkpoint_ns"], row["checkpoint_id"])
        yield head
        if row["delta_channels"]:
            ancestry = await find_ancestry(database, serde, head, row["delta_channels"])
            for checkpoint_id in ancestry.checkpoint_ids:
                yield head._replace(checkpoint_id=checkpoint_id)
