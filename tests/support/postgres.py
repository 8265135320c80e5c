"""A real Postgres for the test session, and a fresh migrated database for every test."""

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg

from joinstream.item_store.config import ItemStoreConfig
from joinstream.item_store.tables import make_tables
from joinstream.store.embedded import EmbeddedPostgres
from joinstream.store.embedded.server import DURABLE
from joinstream.store.migrate import migrate

_TEMPLATE = "template_joinstream"
_FAST = {
    **DURABLE,
    "max_connections": "400",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
}


class PostgresForTests:
    """Hands out databases of one server; nothing in it needs to outlive the session."""

    def __init__(self, server: EmbeddedPostgres) -> None:
        self._server = server
        self._uri = server.uri

    def stop(self) -> None:
        """End every session, and answer nobody until `start`."""
        self._server.stop()

    def start(self) -> None:
        """After `stop`: with all data, at the same address."""
        self._server.start(_FAST)
        assert self._server.uri == self._uri

    async def fresh_database(self, *, migrated: bool = True) -> str:
        """Address of a new database with the current schema, or with none."""
        name = f"test_{uuid4().hex}"
        template = _TEMPLATE if migrated else "template1"
        await self._create_database(name, template)
        return _with_database(self._uri, name)

    async def drop_database(self, uri: str) -> None:
        """Remove a database together with the sessions still open on it."""
        await self._execute(f'drop database "{urlsplit(uri).path[1:]}" with (force)')

    async def make_template(self) -> None:
        """Create the migrated database which fresh ones are copies of."""
        await self._create_database(_TEMPLATE, "template1")
        uri = _with_database(self._uri, _TEMPLATE)
        await migrate(uri)
        await make_tables(uri, ItemStoreConfig())

    async def _create_database(self, name: str, template: str) -> None:
        await self._execute(f'create database "{name}" template {template}')

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(self._uri)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


@contextmanager
def running_postgres() -> Iterator[PostgresForTests]:
    """A Postgres in a temporary folder, fast instead of durable, gone at the end."""
    with tempfile.TemporaryDirectory(prefix="joinstream-tests-") as folder:
        # Started by root, Postgres runs under an account that has to pass through here.
        Path(folder).chmod(0o755)
        server = EmbeddedPostgres(Path(folder))
        server.start(_FAST, initdb_options=("--no-sync",))
        try:
            postgres = PostgresForTests(server)
            asyncio.run(postgres.make_template())
            yield postgres
        finally:
            server.stop()


def _with_database(uri: str, name: str) -> str:
    return urlunsplit(urlsplit(uri)._replace(path=f"/{name}"))
