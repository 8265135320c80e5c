"""The asyncpg pool: JSON codecs, no reset query per release, one clear error when away.

`json` columns pass through unread, as fragments ready to be sent; `jsonb` becomes Python values.
"""

import asyncpg
from orjson import Fragment

from joinstream.encoding import dumps_for_postgres, loads
from joinstream.errors import StartupError
from joinstream.store.addresses import asyncpg_address

MINIMUM_POSTGRES = 140000
"""server_version_num of the oldest Postgres the schema works on (14)."""


async def _set_up_connection(connection: asyncpg.Connection) -> None:
    await connection.set_type_codec(
        "jsonb", encoder=dumps_for_postgres, decoder=loads, schema="pg_catalog", format="text"
    )
    await connection.set_type_codec(
        "json", encoder=dumps_for_postgres, decoder=Fragment, schema="pg_catalog", format="text"
    )


async def _keep_session_state(connection: asyncpg.Connection) -> None:
    """Replaces asyncpg's reset query, a round trip a release: we leave nothing on a session."""


async def create_pool(
    database_uri: str,
    *,
    min_size: int = 1,
    max_size: int = 20,
    application_name: str = "joinstream",
    prepared_statements: bool = True,
) -> asyncpg.Pool:
    """Connect. Raises StartupError when Postgres is unreachable, refuses us or is too old.

    Without `prepared_statements` nothing relies on the session of a connection, as a pooler in
    transaction mode demands.
    """
    try:
        pool: asyncpg.Pool = await asyncpg.create_pool(
            **asyncpg_address(database_uri),
            min_size=min_size,
            max_size=max_size,
            init=_set_up_connection,
            reset=_keep_session_state,
            timeout=10,
            command_timeout=60,
            statement_cache_size=statement_cache_size(prepared_statements),
            server_settings={"application_name": application_name},
        )
    except asyncpg.TooManyConnectionsError as error:
        raise StartupError(
            f"Postgres has no connection left ({_without_password(error)}): raise its "
            "max_connections, or lower LANGGRAPH_POSTGRES_POOL_MAX_SIZE of the processes it serves."
        ) from error
    except (
        OSError,
        asyncpg.PostgresError,
        asyncpg.InterfaceError,
        ValueError,
        TimeoutError,
    ) as error:
        raise StartupError(
            f"Postgres cannot be reached with DATABASE_URI ({_without_password(error)}). "
            "Check the address, the password and that the server runs."
        ) from error
    await _require_version(pool)
    return pool


def statement_cache_size(prepared_statements: bool) -> int:
    """asyncpg's own default, or none."""
    return 100 if prepared_statements else 0


async def _require_version(pool: asyncpg.Pool) -> None:
    version = int(await pool.fetchval("show server_version_num"))
    if version < MINIMUM_POSTGRES:
        await pool.close()
        raise StartupError(
            f"Postgres {version // 10000} is too old: joinstream needs "
            f"{MINIMUM_POSTGRES // 10000} or newer. Upgrade the server behind DATABASE_URI."
        )


def _without_password(error: BaseException) -> str:
    """The kind and first line of a connection error; asyncpg never puts the password in those."""
    text = str(error).splitlines()[0] if str(error) else "no answer"
    return f"{type(error).__name__}: {text}"
