"""Brings a database to the schema of this release: plain SQL files, each applied once, in order.

Any number of processes may call `migrate` at once: one applies, the others poll a try-lock and then
find nothing to do. A process that dies half-way leaves nothing behind, because each file runs in a
transaction together with its record.
"""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import asyncpg

from joinstream.errors import StartupError
from joinstream.sql import load_queries
from joinstream.store.pool import create_pool

_QUERIES = load_queries(Path(__file__).parent / "queries" / "migrations.sql")
_FILE_NAME = re.compile(r"\d{4}_\w+")

LOCK_POLL_SECONDS = 0.1
LOCK_PATIENCE_SECONDS = 600.0
"""How long to wait for another process that migrates before giving up."""
STATEMENT_SECONDS = 3600.0
"""A migration may rewrite a large table; the pool's usual limit would cut it off."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file of `migrations/`; `name` is its name without `.sql`."""

    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """sha256 of the text with LF line ends, so that a Windows checkout gives the same."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations_folder() -> Path:
    """`joinstream/migrations` of an installed wheel, else `migrations` of the repository."""
    package = Path(__file__).parents[1]
    installed = package / "migrations"
    return installed if installed.is_dir() else package.parents[1] / "migrations"


def read_migrations(folder: Path) -> list[Migration]:
    """The folder's files in order. Raises StartupError for a bad name or a number used twice."""
    files = sorted(folder.glob("*.sql"))
    for path in files:
        if not _FILE_NAME.fullmatch(path.stem):
            raise StartupError(f"{path} is not a migration: rename it to NNNN_what.sql.")
    for first, second in pairwise(files):
        if first.stem[:4] == second.stem[:4]:
            raise StartupError(
                f"Migrations {first.name} and {second.name} share a number: renumber one."
            )
    if not files:
        raise StartupError(f"No migrations in {folder}: reinstall joinstream.")
    return [Migration(path.stem, path.read_text(encoding="utf-8")) for path in files]


async def migrate(
    connection_or_uri: asyncpg.Connection | str, folder: Path | None = None
) -> list[str]:
    """Apply what is missing and return the names applied by this call, in order.

    Raises StartupError when the database cannot be reached, when a file that was applied has
    changed since, when a file fails, or when another process holds the lock for too long.
    """
    migrations = read_migrations(folder or migrations_folder())
    async with connected(connection_or_uri) as connection, migration_lock(connection):
        await connection.execute(_QUERIES["create_record"])
        missing = await _missing(connection, migrations)
        for migration in missing:
            await _apply(connection, migration)
    return [migration.name for migration in missing]


async def pending(
    connection_or_uri: asyncpg.Connection | str, folder: Path | None = None
) -> list[str]:
    """Names of the migrations `migrate` would apply. Raises StartupError as `migrate` does."""
    migrations = read_migrations(folder or migrations_folder())
    async with connected(connection_or_uri) as connection:
        if not await connection.fetchval(_QUERIES["record_exists"]):
            return [migration.name for migration in migrations]
        return [migration.name for migration in await _missing(connection, migrations)]


@asynccontextmanager
async def connected(given: asyncpg.Connection | str) -> AsyncIterator[asyncpg.Connection]:
    """A connection to migrate on.

    Raises StartupError when the database cannot be reached, or refuses what is done on it.
    """
    if not isinstance(given, str):
        yield given
        return
    pool = await create_pool(given, max_size=1, application_name="joinstream migrate")
    try:
        async with pool.acquire() as connection:
            yield connection
    except (asyncpg.InsufficientPrivilegeError, asyncpg.InvalidSchemaNameError) as error:
        raise StartupError(
            f"The user of DATABASE_URI may not do what is needed ({error}): migrate with the owner "
            "of a schema, such as `create schema joinstream authorization …`, and serve with that "
            "user or grant the other one all privileges on its tables."
        ) from error
    finally:
        await pool.close()


@asynccontextmanager
async def migration_lock(connection: asyncpg.Connection) -> AsyncIterator[None]:
    """One process at a time changes the schema. Raises StartupError after a long wait."""
    try:
        async with asyncio.timeout(LOCK_PATIENCE_SECONDS):
            await _take_lock(connection)
    except TimeoutError:
        raise StartupError(
            f"Another process has been migrating for {LOCK_PATIENCE_SECONDS:.0f} s: "
            "wait for it to end or stop it, then start again."
        ) from None
    try:
        yield
    finally:
        # A connection that died has let go of the lock by itself.
        with suppress(asyncpg.InterfaceError, OSError):
            await connection.execute(_QUERIES["unlock"])


async def _take_lock(connection: asyncpg.Connection) -> None:
    while True:
        if await connection.fetchval(_QUERIES["try_lock"]):
            return
        await asyncio.sleep(LOCK_POLL_SECONDS)


async def _missing(
    connection: asyncpg.Connection, migrations: Sequence[Migration]
) -> list[Migration]:
    """Those not applied yet. What a newer release has applied besides is left alone."""
    applied = {row["name"]: row["checksum"] for row in await connection.fetch(_QUERIES["applied"])}
    for migration in migrations:
        if applied.get(migration.name, migration.checksum) != migration.checksum:
            raise StartupError(
                f"Migration {migration.name}.sql was changed after this database had applied it: "
                "restore the file and put the change into a new migration."
            )
    return [migration for migration in migrations if migration.name not in applied]


async def _apply(connection: asyncpg.Connection, migration: Migration) -> None:
    try:
        async with connection.transaction():
            await connection.execute(migration.sql, timeout=STATEMENT_SECONDS)
            await connection.execute(_QUERIES["remember"], migration.name, migration.checksum)
    except asyncpg.DuplicateTableError as error:
        raise StartupError(
            f"Migration {migration.name}.sql was undone, for another program's table has the name "
            f"of one of ours ({error}): give joinstream a database of its own. What "
            "langgraph-checkpoint-postgres has stored is copied there by `joinstream import`."
        ) from error
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        # When the connection dies, asyncpg raises about the rollback it cannot do any more.
        cause = error.__context__ if isinstance(error, asyncpg.InterfaceError) else error
        reason = str(cause or error).partition("\n")[0]
        raise StartupError(
            f"Migration {migration.name}.sql failed and was undone: {reason}."
        ) from error
