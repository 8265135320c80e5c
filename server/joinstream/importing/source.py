"""The database that is moved out of. Nothing here writes to it."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg
from langgraph.checkpoint.serde.base import SerializerProtocol

from joinstream.errors import StartupError
from joinstream.importing.queries import SOURCE
from joinstream.importing.reader import ThreadReader
from joinstream.store.addresses import asyncpg_address

_READ_COLUMNS = {
    "checkpoints": ("thread_id", "checkpoint_ns", "checkpoint_id", "parent_checkpoint_id",
                    "checkpoint", "metadata"),
    "checkpoint_blobs": ("thread_id", "checkpoint_ns", "channel", "version", "type", "blob"),
    "checkpoint_writes": ("thread_id", "checkpoint_ns", "checkpoint_id", "task_id", "task_path",
                          "idx", "channel", "type", "blob"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class SourceThread:
    """A thread; `version` changes with every change of it."""

    thread_id: str
    version: str


class Source:
    """The tables of `langgraph-checkpoint-postgres` in one schema."""

    def __init__(self, pool: asyncpg.Pool, schema: str, serde: SerializerProtocol) -> None:
        self._pool = pool
        self._schema = schema
        self._serde = serde

    async def require_tables(self) -> None:
        """Raises StartupError when the schema is not what it should be."""
        async with self._snapshot() as connection:
            found = {name for (name,) in await connection.fetch(SOURCE["columns"], self._schema)}
        wanted = [f"{table}.{name}" for table, names in _READ_COLUMNS.items() for name in names]
        missing = [name for name in wanted if name not in found]
        if missing:
            raise StartupError(
                f"Schema {self._schema!r} of the source lacks {missing[0]}: name the schema of "
                "langgraph-checkpoint-postgres with --schema, or bring its tables up to date with "
                "the setup() of its latest release."
            )

    async def count(self) -> int:
        async with self._snapshot() as connection:
            count: int = await connection.fetchval(SOURCE["count"])
            return count

    async def threads_after(self, thread_id: str, limit: int) -> list[SourceThread]:
        """The next threads in the order of their ids."""
        async with self._snapshot() as connection:
            rows = await connection.fetch(SOURCE["threads"], thread_id, limit)
            return [SourceThread(*row) for row in rows]

    @asynccontextmanager
    async def reading(self, thread_id: str) -> AsyncIterator[ThreadReader]:
        """A thread as it is at one moment."""
        async with self._snapshot() as connection:
            yield ThreadReader(connection, self._serde, thread_id)

    @asynccontextmanager
    async def _snapshot(self) -> AsyncIterator[asyncpg.Connection]:
        async with (
            self._pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            await connection.execute(SOURCE["enter_schema"], self._schema)
            yield connection


@asynccontextmanager
async def open_source(
    uri: str, schema: str, serde: SerializerProtocol, *, connections: int
) -> AsyncIterator[Source]:
    """Connect. Raises StartupError in one line when that fails or the tables are not there."""
    try:
        pool = await asyncpg.create_pool(
            **asyncpg_address(uri),
            min_size=1,
            max_size=connections,
            init=_read_json_as_it_is,
            statement_cache_size=0,  # a pooler may stand before it
            timeout=10,
            server_settings={"application_name": "joinstream import"},
        )
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise StartupError(
            f"The source cannot be reached ({reason}): check the address given with --from."
        ) from error
    try:
        source = Source(pool, schema, serde)
        await source.require_tables()
        yield source
    finally:
        await pool.close()


async def _read_json_as_it_is(connection: asyncpg.Connection) -> None:
    # The standard library reads integers of any size.
    await connection.set_type_codec(
        "jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog"
    )
