"""`joinstream migrate`."""

import asyncio
from pathlib import Path

from joinstream.backends import database_uri
from joinstream.processes.preparation import read_settings
from joinstream.settings import Settings, load_settings
from joinstream.store.migrate import migrate, pending


def run_migrate(config: Path, *, check_only: bool) -> int:
    """Apply, or only list, what is missing; the exit code. Raises StartupError."""
    uri = database_uri(_settings(config))
    if check_only:
        missing = asyncio.run(pending(uri))
        _print_each("pending", missing)
        return 1 if missing else 0
    _print_each("applied", asyncio.run(migrate(uri)))
    return 0


def _settings(config: Path) -> Settings:
    """A project may set DATABASE_URI, but none is needed to migrate."""
    return read_settings(config) if config.exists() else load_settings()


def _print_each(what: str, names: list[str]) -> None:
    for name in names:
        print(f"{what} {name}")
    if not names:
        print("the database is up to date")
