"""Judges what faults have left behind, and what was done on the way.

A trigger in the database writes down every change of a run, so that the audit sees not only how
things stand in the end but every state in between.
"""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import asyncpg
from langgraph_sdk.schema import StreamPart

from joinstream.domain.runs import may_move
from joinstream.sql import load_queries
from tests.support.redis import RedisServer
from tests.support.streaming import assert_gapless
from tests.support.waiting import eventually

_QUERIES = load_queries(Path(__file__).with_suffix(".sql"))
_NO_EXPIRY = -1


class Auditor:
    """Make it with `install`, on a database in which nothing has run yet."""

    def __init__(self, database_uri: str, redis: RedisServer) -> None:
        self._database_uri = database_uri
        self._redis = redis

    async def install(self) -> None:
        await self._execute("install")

    async def audit(self) -> None:
        """Wait until every run is over, then judge everything since `install`."""

        async def everything_is_over() -> bool:
            return not await self._fetch("active_runs")

        await eventually(everything_is_over)
        changes = await self._fetch("changes")
        assert_legal(changes)
        assert_one_at_a_time(changes)
        assert not await self._fetch("unsettled_threads")
        assert not await self._fetch("forks")
        assert not await self._fetch("falling_attempts")
        await self._assert_that_redis_forgets()

    async def agree(self, parts: Sequence[StreamPart]) -> None:
        """A client's stream has no silent hole, and ends as its run did, if that still exists."""
        assert_gapless(parts)
        end = parts[-1].data
        for row in await self._fetch("status", UUID(end["run_id"])):
            assert end["status"] == row["status"]

    async def _assert_that_redis_forgets(self) -> None:
        keys = await self._redis.call("KEYS", "*")
        assert isinstance(keys, list)
        for key in keys:
            assert await self._redis.call("TTL", key) != _NO_EXPIRY, f"{key!r} is kept forever"

    async def _fetch(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        connection = await asyncpg.connect(self._database_uri)
        try:
            rows: list[asyncpg.Record] = await connection.fetch(_QUERIES[query], *arguments)
            return rows
        finally:
            await connection.close()

    async def _execute(self, query: str) -> None:
        connection = await asyncpg.connect(self._database_uri)
        try:
            await connection.execute(_QUERIES[query])
        finally:
            await connection.close()


def assert_legal(changes: Sequence[asyncpg.Record]) -> None:
    """Statuses move as the state machine allows; attempts and epochs only rise.

    Only a run that is handed back gets its attempt back, because it was not spent.
    """
    for change in changes:
        before, after = change["old_status"], change["status"]
        if before is None or after is None:
            continue  # created, or deleted
        assert before == after or may_move(before, after), f"{before} to {after}: {change}"
        handed_back = (before, after) == ("running", "pending")
        gained = change["attempt"] - change["old_attempt"]
        assert gained == -1 if handed_back else gained in (0, 1), change
        assert change["epoch"] >= change["old_epoch"], change
        if gained == 1:
            assert change["epoch"] > change["old_epoch"], change


def assert_one_at_a_time(changes: Sequence[asyncpg.Record]) -> None:
    """At no moment did two runs of a thread execute."""
    running: dict[UUID, set[UUID]] = defaultdict(set)
    for change in changes:
        of_thread = running[change["thread_id"]]
        if change["status"] == "running":
            of_thread.add(change["run_id"])
        else:
            of_thread.discard(change["run_id"])
        assert len(of_thread) <= 1, f"two runs of thread {change['thread_id']} at once"
