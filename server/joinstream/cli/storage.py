"""`joinstream storage`."""

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path

import asyncpg
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table

from joinstream.cli.operators import operator_pool, operator_settings
from joinstream.domain.retention import Log
from joinstream.settings import Settings, ThreadTtlConfig
from joinstream.store.database import Database
from joinstream.store.log_retention import PostgresLogRetention
from joinstream.store.storage import Due, StorageReport, TableSize, ThreadSize

LOG_NAMES: dict[Log, str] = {
    "runs": "ended runs",
    "firings": "firings of crons",
    "deliveries": "webhooks that are delivered or given up",
}
_ACTIONS = {
    "delete": "delete threads past their time to live",
    "keep_latest": "prune threads past their time to live to their latest checkpoint",
    "thin_out": "keep only the newest {keep} checkpoints of threads",
}


def run_storage(config: Path, *, top: int, dry_run: bool) -> int:
    """Print the sizes of tables and of the biggest threads, or what the next sweep would remove.

    Returns the exit code. Raises StartupError.
    """
    return asyncio.run(_print_report(operator_settings(config), top, dry_run=dry_run))


async def _print_report(settings: Settings, top: int, *, dry_run: bool) -> int:
    console = Console()
    async with operator_pool(settings, "storage") as pool:
        report = StorageReport(pool)
        if dry_run:
            console.print(_sweep(await report.due(settings.keep_checkpoints), settings))
            console.print(_logs(await logs_due(pool, settings)))
        else:
            console.print(_tables(await report.tables()))
            console.print(_threads(await report.biggest_threads(top)))
    return 0


def _tables(sizes: Iterable[TableSize]) -> Table:
    table = _table("On disk", "what", "rows", "size")
    for size in sizes:
        table.add_row(size.what, f"{size.rows:,}", decimal(size.bytes))
    return table


def _threads(sizes: Iterable[ThreadSize]) -> Table:
    table = _table("Biggest threads", "thread", "status", "last used", "checkpoints", "size")
    for size in sizes:
        used = f"{size.updated_at:%Y-%m-%d %H:%M}" if size.updated_at else ""
        table.add_row(
            str(size.thread_id),
            size.status or "inside a graph",
            used,
            f"{size.checkpoints:,}",
            decimal(size.bytes),
        )
    return table


def _sweep(due: Iterable[Due], settings: Settings) -> Table:
    limit = (settings.langgraph_thread_ttl or ThreadTtlConfig()).sweep_limit
    table = _table("The next sweep would", "", "threads", "checkpoints")
    table.caption = (
        f"A sweep stops at {limit:,} threads of a kind; what is left waits for the next."
    )
    for one in due:
        if one.action == "thin_out" and settings.keep_checkpoints is None:
            continue
        action = _ACTIONS[one.action].format(keep=settings.keep_checkpoints)
        table.add_row(action, f"{one.threads:,}", f"{one.checkpoints:,}")
    return table


async def logs_due(pool: asyncpg.Pool, settings: Settings) -> dict[Log, int]:
    """How many rows of each log the next sweep would remove."""
    logs = PostgresLogRetention(Database(pool))
    return {
        log: await logs.count_due(log, seconds) if seconds is not None else 0
        for log, seconds in settings.seconds_of_logs.items()
    }


def _logs(due: Mapping[Log, int]) -> Table:
    table = _table("and remove", "", "rows")
    for log, rows in due.items():
        table.add_row(LOG_NAMES[log], f"{rows:,}")
    return table


def _table(title: str, first: str, *numbers: str) -> Table:
    table = Table(title=title, title_justify="left", caption_justify="left")
    table.add_column(first, overflow="fold")
    for heading in numbers:
        table.add_column(heading, justify="right")
    return table
