"""What commands for operators stand on: the database itself, whoever its contents belong to."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from joinstream.backends import database_uri
from joinstream.processes.preparation import read_settings, require_migrated
from joinstream.settings import Settings, load_settings
from joinstream.store.pool import create_pool


def operator_settings(config: Path) -> Settings:
    """A project may set DATABASE_URI, but none is needed. Raises StartupError."""
    return read_settings(config) if config.exists() else load_settings()


@asynccontextmanager
async def operator_pool(settings: Settings, command: str) -> AsyncIterator[asyncpg.Pool]:
    """One connection to a database of this release. Raises StartupError."""
    await require_migrated(database_uri(settings))
    pool = await create_pool(
        database_uri(settings),
        max_size=1,
        application_name=f"joinstream {command}",
        prepared_statements=settings.prepared_statements,
    )
    try:
        yield pool
    finally:
        await pool.close()
