"""`joinstream migrate`."""

import asyncio
from pathlib import Path

from joinstream.backends import database_uri
from joinstream.cli.operators import operator_settings
from joinstream.item_store.config import ItemStoreConfig, item_store_config
from joinstream.item_store.tables import make_tables, missing_tables
from joinstream.project import read_config
from joinstream.store.migrate import migrate, pending


def run_migrate(config: Path, *, check_only: bool) -> int:
    """Apply, or only list, what is missing; the exit code. Raises StartupError."""
    uri, tables = database_uri(operator_settings(config)), item_store_of(config)
    if check_only:
        missing = asyncio.run(_pending(uri, tables))
        _print_each("pending", missing)
        return 1 if missing else 0
    _print_each("applied", asyncio.run(_migrate(uri, tables)))
    return 0


async def _migrate(uri: str, tables: ItemStoreConfig) -> list[str]:
    return await migrate(uri) + await make_tables(uri, tables)


async def _pending(uri: str, tables: ItemStoreConfig) -> list[str]:
    return await pending(uri) + await missing_tables(uri, tables)


def item_store_of(config: Path) -> ItemStoreConfig:
    """The default one where there is no project. Raises StartupError."""
    return item_store_config(read_config(config)) if config.exists() else ItemStoreConfig()


def _print_each(what: str, names: list[str]) -> None:
    for name in names:
        print(f"{what} {name}")
    if not names:
        print("the database is up to date")
