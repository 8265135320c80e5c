"""The ways in which a saver uses Postgres: a pool, a pool with patience, or one connection."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import asyncpg

from joinstream.errors import Unavailable
from joinstream.store.database import Database

T = TypeVar("T")

PATIENCE_SECONDS = 20.0
"""How long a run waits for Postgres to come back: about as long as its lease lasts unrenewed."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 2.0


def database_for(executor: asyncpg.Pool | asyncpg.Connection, *, patient: bool) -> Database:
    """For a run (`patient`), a request, or a transaction."""
    if not isinstance(executor, asyncpg.Pool):
        return SharedConnection(executor)
    return PatientDatabase(executor) if patient else Database(executor)


class PatientDatabase(Database):
    """Repeats while Postgres is away, so that its restart fails no run.

    Only for statements that may be repeated after they took effect and their answer was lost; all
    that a saver sends are of that kind. Raises Unavailable after PATIENCE_SECONDS.
    """

    async def fetch(self, query: str, *arguments: Any) -> list[asyncpg.Record]:
        return await _patiently(lambda: super(PatientDatabase, self).fetch(query, *arguments))

    async def fetchrow(self, query: str, *arguments: Any) -> asyncpg.Record | None:
        return await _patiently(lambda: super(PatientDatabase, self).fetchrow(query, *arguments))


async def _patiently(attempt: Callable[[], Awaitable[T]]) -> T:
    clock = asyncio.get_running_loop().time
    deadline = clock() + PATIENCE_SECONDS
    pause = _FIRST_PAUSE
    while True:
        try:
            return await attempt()
        except Unavailable:
            if clock() + pause > deadline:
                raise
        await asyncio.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)


class SharedConnection(Database):
    """Lets callers take turns: a connection carries one statement at a time."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        super().__init__(connection)
        self._turn = asyncio.Lock()

    async def fetch(self, query: str, *arguments: Any) -> list[asyncpg.Record]:
        async with self._turn:
            return await super().fetch(query, *arguments)

    async def fetchrow(self, query: str, *arguments: Any) -> asyncpg.Record | None:
        async with self._turn:
            return await super().fetchrow(query, *arguments)
