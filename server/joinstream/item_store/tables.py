"""The tables of LangGraph's Postgres store, made by its own migrations under our lock.

What was done is remembered, so that a start that finds it done need not load the store at all.
"""

from importlib.metadata import version
from pathlib import Path
from typing import Any

import asyncpg

from joinstream.errors import StartupError
from joinstream.item_store.config import IndexConfig, ItemStoreConfig
from joinstream.sql import load_queries
from joinstream.store.migrate import connected, migration_lock

_LIBRARY = "langgraph-checkpoint-postgres"
_QUERIES = load_queries(Path(__file__).parent / "tables.sql")


async def missing_tables(
    connection_or_uri: asyncpg.Connection | str, config: ItemStoreConfig
) -> list[str]:
    """Names for what `make_tables` would make."""
    async with connected(connection_or_uri) as connection:
        if not await connection.fetchval(_QUERIES["record_exists"]):
            return _wanted(config)
        made = {row["name"] for row in await connection.fetch(_QUERIES["made"])}
    return [name for name in _wanted(config) if name not in made]


async def make_tables(database_uri: str, config: ItemStoreConfig) -> list[str]:
    """Make what is missing and return the names of it. Our own migrations must have been applied.

    Raises StartupError when the database refuses, or holds vectors of other dimensions.
    """
    async with connected(database_uri) as connection, migration_lock(connection):
        missing = await missing_tables(connection, config)
        if missing:
            await _make(database_uri, config)
            await _check_dimensions(connection, config.index)
        for name in missing:
            await connection.execute(_QUERIES["remember"], name)
    return missing


def _wanted(config: ItemStoreConfig) -> list[str]:
    """None for a store of the project's own."""
    if config.path is not None:
        return []
    names = [f"store tables of {_LIBRARY} {version(_LIBRARY)}"]
    return [*names, f"store index of {config.index.dims} dimensions"] if config.index else names


async def _make(database_uri: str, config: ItemStoreConfig) -> None:
    # loading them takes a while, and hardly any start needs them
    import psycopg
    from langgraph.store.postgres import AsyncPostgresStore

    def embed_nothing(texts: list[str]) -> list[list[float]]:
        raise NotImplementedError

    index: Any = {**config.index.model_dump(), "embed": embed_nothing} if config.index else None
    try:
        async with AsyncPostgresStore.from_conn_string(database_uri, index=index) as store:
            await store.setup()
    except psycopg.errors.InsufficientPrivilege as error:
        reason = str(error).partition("\n")[0]
        raise StartupError(
            f"The tables of the store cannot be made: {reason}. For store.index a superuser has to "
            "`create extension vector` in this database once; the rest needs none."
        ) from error
    except psycopg.Error as error:
        reason = str(error).partition("\n")[0]
        raise StartupError(f"The tables of the store cannot be made: {reason}.") from error


async def _check_dimensions(connection: asyncpg.Connection, index: IndexConfig | None) -> None:
    if index is None:
        return
    stored = await connection.fetchval(_QUERIES["dimensions"])
    if stored != index.dims:
        raise StartupError(
            f"store.index.dims is {index.dims}, but the database holds vectors of {stored} "
            "dimensions: set it back, or drop the tables store_vectors and vector_migrations and "
            "put the items again."
        )
