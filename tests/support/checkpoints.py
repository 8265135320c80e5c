"""Checkpoints as LangGraph would make them, and the runs on whose behalf they are stored."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import asyncpg
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.base.id import uuid6

from joinstream.checkpoint import Fence
from joinstream.domain.ids import new_run_id, new_thread_id
from joinstream.store.pool import create_pool
from tests.support.postgres import PostgresForTests

TASK = str(uuid4())
LONG = "word " * 300
"""A text too long to be stored inline."""
LAST = "ffffffff-0000-6000-8000-000000000000"
"""A checkpoint id after all others."""
TABLES = ("checkpoints", "checkpoint_parts", "checkpoint_writes")


@asynccontextmanager
async def checkpoint_database(postgres: PostgresForTests) -> AsyncIterator[asyncpg.Pool]:
    """A pool on a database of its own."""
    uri = await postgres.fresh_database()
    pool = await create_pool(uri, max_size=4)
    yield pool
    await pool.close()
    await postgres.drop_database(uri)


async def empty(pool: asyncpg.Pool) -> None:
    """Make the database like new, faster than a new one could be made."""
    await pool.execute(f"truncate runs, {', '.join(TABLES)}")


async def contents(pool: asyncpg.Pool) -> list[Any]:
    """All rows of all checkpoint tables."""
    return [await pool.fetch(f"select * from {table} order by 1, 2, 3") for table in TABLES]


def thread_config(namespace: str = "") -> RunnableConfig:
    """A config that names a thread of its own."""
    return {"configurable": {"thread_id": str(uuid4()), "checkpoint_ns": namespace}}


async def put(
    saver: BaseCheckpointSaver[Any],
    config: RunnableConfig,
    values: dict[str, Any],
    *,
    changed: tuple[str, ...] | None = None,
    **metadata: Any,
) -> RunnableConfig:
    """Store a checkpoint after the one `config` names. `changed`: the channels written, or all."""
    checkpoint_id = str(uuid6())
    before = await saver.aget_tuple(config)
    versions: Any = dict(before.checkpoint["channel_versions"]) if before else {}
    new_versions = {name: versions.get(name, 0) + 1 for name in changed or values}
    checkpoint: Any = {
        "v": 4,
        "id": checkpoint_id,
        "ts": "2030-01-01T00:00:00+00:00",
        "channel_values": values,
        "channel_versions": versions | new_versions,
        "versions_seen": {},
        "updated_channels": sorted(new_versions),
    }
    described: Any = {"source": "loop", "step": 0, "parents": {}, **metadata}
    return await saver.aput(config, checkpoint, described, new_versions)


async def values_of(saver: BaseCheckpointSaver[Any], config: RunnableConfig) -> dict[str, Any]:
    """The channel values at the checkpoint `config` names, or at the newest."""
    found = await saver.aget_tuple(config)
    assert found is not None
    return found.checkpoint["channel_values"]


async def claimed_run(pool: asyncpg.Pool) -> Fence:
    """A run in its first attempt."""
    run_id = new_run_id()
    await pool.execute(
        """insert into runs (run_id, thread_id, temporary, assistant_id, graph_id, status, attempt,
        epoch, kwargs) values ($1, $2, false, $2, 'test', 'running', 1, 7, '{}')""",
        run_id,
        new_thread_id(),
    )
    return Fence(run_id, 7)


CLAIM = "update runs set attempt = attempt + 1, epoch = epoch + 1 where run_id = $1"
"""What a claim by another worker does to the row, as far as the fence is concerned."""

END = "update runs set status = 'error' where run_id = $1"
"""What an ending does to it."""


async def relation_bytes(pool: asyncpg.Pool) -> int:
    """Bytes on disk of all checkpoint tables with their indexes."""
    size: int = await pool.fetchval(
        "select sum(pg_total_relation_size(name::regclass)) from unnest($1::text[]) as name", TABLES
    )
    return size
