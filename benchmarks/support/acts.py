"""What is done with filled tables: one call of the store each, with arguments drawn at random."""

import random
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any
from uuid import uuid4

import asyncpg

from benchmarks.support.filling import ASSISTANTS, Size, run_id, thread_id
from joinstream.domain.assistants import SortDirection
from joinstream.domain.ids import AssistantId, ThreadId, new_run_id, new_thread_id
from joinstream.domain.run_record import NewRun, Run
from joinstream.domain.runs import RunStatus
from joinstream.domain.threads import ThreadFilter, ThreadOrder, ThreadQuery
from joinstream.ports.runs import Claimant, Ending
from joinstream.store.database import Database
from joinstream.store.runs import PostgresRuns
from joinstream.store.thread_search import ThreadSearch

LONG_AGO_SECONDS = 10 * 365 * 86400.0
_CLAIMANT = Claimant("benchmark", 3600.0, tuple(f"graph {number}" for number in range(ASSISTANTS)))


class Tables:
    """A filled database. What `create` makes, `cancel` uses up, and `finish` what `claim` takes."""

    def __init__(self, pool: asyncpg.Pool, size: Size) -> None:
        database = Database(pool)
        self._runs = PostgresRuns(database)
        self._threads = ThreadSearch(database)
        self._size = size
        self._random = random.Random(1)
        self._waiting: list[Run] = []
        self._claimed: list[Run] = []

    def thread(self) -> ThreadId:
        """One that nothing waits for."""
        first = self._size.waiting_threads + 1
        return thread_id(self._random.randint(first, self._size.threads))

    def long_thread(self) -> ThreadId:
        return thread_id(self._random.randint(1, self._size.long_threads))

    def owned(self) -> dict[str, Any]:
        """Metadata of about fifty threads."""
        return {"owner": f"user {self._random.randrange(self._size.owners)}"}

    def with_value(self) -> ThreadFilter:
        """About fifty threads, too."""
        return ThreadFilter(values={"last": f"text {self._random.randrange(self._size.owners)}"})

    def seen_by_tenant(self) -> ThreadFilter:
        return ThreadFilter(visible=(self.owned(),))

    async def search(
        self,
        wanted: ThreadFilter,
        order: ThreadOrder = "updated_at",
        direction: SortDirection = "desc",
    ) -> None:
        await self._threads.page(ThreadQuery(wanted, sort_by=order, sort_order=direction))

    async def count(self, wanted: ThreadFilter) -> None:
        await self._threads.count(wanted)

    async def list_runs(self, thread: ThreadId, status: RunStatus | None = None) -> None:
        await self._runs.search(thread, status=status, limit=10, offset=0)

    async def get_run(self) -> None:
        number = self._random.randint(1, self._size.runs - self._size.pending)
        assert await self._runs.get(None, run_id(number), None)

    async def create(self, thread: ThreadId | None) -> None:
        created = await self._runs.create(_new_run(thread), None)
        assert created.run is not None
        self._waiting.append(created.run)

    async def claim(self) -> None:
        claimed = await self._runs.claim(_CLAIMANT, 1)
        assert len(claimed) == 1
        self._claimed += claimed

    async def finish(self) -> None:
        ending = Ending("success", output={"answer": 42}, values={"answer": 42})
        finished = await self._runs.finish(self._claimed.pop(), ending)
        assert finished.outcome == "finished"

    async def cancel(self) -> None:
        run = self._waiting.pop()
        assert await self._runs.cancel(run.run_id, "interrupt", "benchmark") == "cancelled"

    async def take_over(self) -> None:
        assert await self._runs.take_over(_CLAIMANT, 10) == []

    async def sweep(self) -> None:
        assert await self._runs.sweep(LONG_AGO_SECONDS, LONG_AGO_SECONDS, 100) == 0


def _new_run(thread: ThreadId | None) -> NewRun:
    return NewRun(
        run_id=new_run_id(),
        thread_id=thread or new_thread_id(),
        temporary=thread is None,
        create_thread=False,
        assistant_id=AssistantId(uuid4()),
        graph_id="graph 0",
        multitask_strategy="enqueue",
        delay_seconds=0,
        timeout_seconds=None,
        priority=0,
        concurrency_key=None,
        user_id="user 1",
        kwargs={"input": {"text": "hello"}, "config": {"configurable": {}}},
        assistant_metadata={},
        metadata={"owner": "user 1"},
        thread_metadata={},
        thread_config={},
    )


def _in_order(order: ThreadOrder, direction: SortDirection) -> "Act":
    return lambda tables: tables.search(ThreadFilter(), order, direction)


Act = Callable[[Tables], Awaitable[object]]

_OF_A_GRAPH = ThreadFilter(metadata={"graph_id": "graph 4"})
_INTERRUPTED = ThreadFilter(status="interrupted")

ACTS: dict[str, Act] = {
    "get a thread": lambda tables: tables.search(ThreadFilter(ids=[tables.thread()])),
    "get a run": lambda tables: tables.get_run(),
    "list runs": lambda tables: tables.list_runs(tables.thread()),
    "list runs of a long thread": lambda tables: tables.list_runs(tables.long_thread()),
    "list failed runs of a long thread": lambda tables: tables.list_runs(
        tables.long_thread(), "error"
    ),
    "search threads": lambda tables: tables.search(ThreadFilter()),
    "search threads by created_at, asc": _in_order("created_at", "asc"),
    "search threads by created_at, desc": _in_order("created_at", "desc"),
    "search threads by state_updated_at, asc": _in_order("state_updated_at", "asc"),
    "search threads by state_updated_at, desc": _in_order("state_updated_at", "desc"),
    "search threads by status, asc": _in_order("status", "asc"),
    "search threads by status, desc": _in_order("status", "desc"),
    "search threads by thread_id, asc": _in_order("thread_id", "asc"),
    "search threads by thread_id, desc": _in_order("thread_id", "desc"),
    "search threads of an owner": lambda tables: tables.search(
        ThreadFilter(metadata=tables.owned())
    ),
    "search threads of a graph": lambda tables: tables.search(_OF_A_GRAPH),
    "search interrupted threads": lambda tables: tables.search(_INTERRUPTED),
    "search interrupted threads of a graph": lambda tables: tables.search(
        replace(_OF_A_GRAPH, status="interrupted")
    ),
    "search idle threads": lambda tables: tables.search(ThreadFilter(status="idle")),
    "search threads by a value": lambda tables: tables.search(tables.with_value()),
    "search a tenant's threads": lambda tables: tables.search(tables.seen_by_tenant()),
    "search a tenant's idle threads": lambda tables: tables.search(
        replace(tables.seen_by_tenant(), status="idle")
    ),
    "search a tenant's threads of a graph": lambda tables: tables.search(
        replace(_OF_A_GRAPH, visible=(tables.owned(),))
    ),
    "count threads of an owner": lambda tables: tables.count(ThreadFilter(metadata=tables.owned())),
    "count a tenant's threads": lambda tables: tables.count(tables.seen_by_tenant()),
    "create a run on a thread": lambda tables: tables.create(tables.thread()),
    "create a stateless run": lambda tables: tables.create(None),
    "cancel a run": lambda tables: tables.cancel(),
    "claim a run": lambda tables: tables.claim(),
    "finish a run": lambda tables: tables.finish(),
    "look for expired leases": lambda tables: tables.take_over(),
    "sweep runs": lambda tables: tables.sweep(),
}
"""By name. Their order matters to those that use up what others made."""

COUNTS: dict[str, Act] = {
    "count interrupted threads": lambda tables: tables.count(_INTERRUPTED),
    "count threads of a graph": lambda tables: tables.count(_OF_A_GRAPH),
    "count threads": lambda tables: tables.count(ThreadFilter()),
}
"""These take the longer the more there is to count."""
