"""Looks for a text in everything that a database holds."""

import asyncpg

_TABLES = (
    "select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace"
)


async def rows_with(pool: asyncpg.Pool, secret: str) -> list[str]:
    """Every row of every table that has the text in one of its columns, `bytea` included.

    The text must have nothing in it that Postgres or JSON would escape.
    """
    found = []
    for (table,) in await pool.fetch(_TABLES):
        rows = await pool.fetch(
            f'select r::text as row from "{table}" r '
            "where position($1 in r::text) > 0 or position($2 in r::text) > 0",
            secret,
            secret.encode().hex(),
        )
        found += [f"{table}: {row['row']}" for row in rows]
    return found
