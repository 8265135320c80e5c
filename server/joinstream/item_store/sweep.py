"""Removes items that are past their time to live; without opening the store for it."""

from pathlib import Path

from joinstream.sql import load_queries
from joinstream.store.database import Database

_QUERIES = load_queries(Path(__file__).parent / "tables.sql")


async def sweep_items(database: Database, limit: int) -> int:
    """How many there were, at most `limit`. Raises Unavailable when Postgres is away."""
    return await database.execute(_QUERIES["sweep"], limit)
