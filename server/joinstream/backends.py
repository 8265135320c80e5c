"""What a process stands on: the Postgres pool, and the streams over Redis or in memory.

Opened the same way by the API and by workers. In `dev` both live in one process and share one
in-memory bus; everything else is the same code as in production.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg
from langgraph.store.base import BaseStore

from joinstream.checkpoint import PostgresCheckpoints
from joinstream.encryption.configured import Ciphers, configured_ciphers
from joinstream.errors import StartupError
from joinstream.item_store.opening import open_item_store
from joinstream.ports import EventHub, EventLog, Signals
from joinstream.project import Project
from joinstream.serializer import checkpoint_serializer
from joinstream.settings import Settings
from joinstream.store.database import Database
from joinstream.store.encrypted.check import check_ciphers
from joinstream.store.pool import create_pool
from joinstream.store.runs import CreationRules, PostgresRuns
from joinstream.stores import Stores
from joinstream.streams.memory import MemoryStreams
from joinstream.streams.redis import (
    RedisConnections,
    RedisEventHub,
    RedisEventLog,
    RedisPubSub,
    RedisSignals,
)


@dataclass(frozen=True, slots=True)
class Bus:
    """The three faces of the event bus."""

    events: EventLog
    hub: EventHub
    signals: Signals


@dataclass(frozen=True, slots=True)
class Backends:
    """Storage and streams of one event loop."""

    pool: asyncpg.Pool
    database: Database
    stores: Stores
    runs: PostgresRuns
    checkpoints: PostgresCheckpoints
    bus: Bus
    store: BaseStore
    ciphers: Ciphers


def database_uri(settings: Settings) -> str:
    """Raises StartupError when none is set."""
    if settings.database_uri is None:
        raise StartupError(
            "DATABASE_URI is not set: give the address of a Postgres server, or use "
            "`joinstream dev`, which brings its own."
        )
    return settings.database_uri.get_secret_value()


@asynccontextmanager
async def open_backends(
    settings: Settings,
    project: Project,
    *,
    application_name: str,
    memory_bus: MemoryStreams | None = None,
) -> AsyncIterator[Backends]:
    """Connect everything, for this project's checkpoints.

    Raises StartupError in one line when something cannot be reached or used.
    """
    ciphers = configured_ciphers(settings, project)
    serde = checkpoint_serializer(project, ciphers)
    pool = await create_pool(
        database_uri(settings),
        max_size=settings.langgraph_postgres_pool_max_size,
        application_name=application_name,
        prepared_statements=settings.prepared_statements,
    )
    try:
        async with (
            _open_bus(settings, memory_bus) as bus,
            open_item_store(pool, database_uri(settings), project, ciphers.fields) as store,
        ):
            database = Database(pool)
            await check_ciphers(database, ciphers.fields)
            stores = Stores(pool, creation_rules(settings), ciphers.fields)
            runs = stores.runs(database)
            checkpoints = PostgresCheckpoints(pool, serde=serde, fields=ciphers.fields)
            yield Backends(pool, database, stores, runs, checkpoints, bus, store, ciphers)
    finally:
        await pool.close()


@asynccontextmanager
async def _open_bus(settings: Settings, memory_bus: MemoryStreams | None) -> AsyncIterator[Bus]:
    if memory_bus is not None:
        yield Bus(memory_bus, memory_bus, memory_bus)
        return
    connections = redis_connections(settings)
    try:
        async with RedisPubSub(connections) as pubsub:
            yield Bus(
                RedisEventLog(
                    connections,
                    max_entries=settings.stream_log_max_entries,
                    max_bytes=settings.stream_log_max_bytes,
                ),
                RedisEventHub(connections, pubsub),
                RedisSignals(connections, pubsub),
            )
    finally:
        await connections.aclose()


def creation_rules(settings: Settings) -> CreationRules:
    return CreationRules(
        settings.ttl_of_new_threads,
        settings.idempotency_retention_seconds,
        settings.max_pending_runs,
        settings.max_pending_runs_per_user,
    )


def redis_connections(settings: Settings) -> RedisConnections:
    """Raises StartupError when no address is set, or one that cannot be read."""
    if settings.redis_uri is None:
        raise StartupError(
            "REDIS_URI is not set: give the address of a Redis server, or use `joinstream dev`, "
            "which needs none."
        )
    try:
        return RedisConnections.open(
            settings.redis_uri.get_secret_value(),
            key_prefix=settings.redis_key_prefix,
            cluster=settings.redis_cluster,
            max_connections=settings.redis_max_connections,
        )
    except ValueError as error:
        raise StartupError(
            f"REDIS_URI cannot be read ({error}); it looks like redis://host:6379/0."
        ) from None
