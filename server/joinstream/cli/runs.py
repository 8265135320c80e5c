"""`joinstream runs`: runs that were set aside, for whoever operates the server."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from joinstream.cli.operators import operator_pool, operator_settings
from joinstream.domain.ids import RunId
from joinstream.domain.run_record import Run
from joinstream.store.database import Database
from joinstream.store.runs import PostgresRuns

_OUTCOMES = {
    "retried": "back in the queue",
    "not_set_aside": "not retried: it has not been set aside",
    "overtaken": "not retried: later runs of its thread have executed since",
    "missing": "not retried: there is no such run",
}


def list_set_aside(config: Path, *, limit: int) -> int:
    """Print the runs that were set aside last. Returns the exit code. Raises StartupError."""
    page, total = asyncio.run(_set_aside(config, limit))
    Console().print(_table(page, total))
    return 0


def retry_runs(config: Path, run_ids: Sequence[UUID]) -> int:
    """Retry each run and print what came of it; 1 when one of them could not be retried.

    Raises StartupError.
    """
    outcomes = asyncio.run(_retry(config, run_ids))
    for run_id, outcome in zip(run_ids, outcomes, strict=True):
        print(f"{run_id}  {_OUTCOMES[outcome]}")
    return 0 if set(outcomes) == {"retried"} else 1


async def _set_aside(config: Path, limit: int) -> tuple[list[Run], int]:
    async with operator_pool(operator_settings(config), "runs") as pool:
        runs = PostgresRuns(Database(pool))
        page = await runs.set_aside(None, limit=limit, offset=0)
        return page, await runs.count_set_aside(None)


async def _retry(config: Path, run_ids: Sequence[UUID]) -> list[str]:
    async with operator_pool(operator_settings(config), "runs") as pool:
        runs = PostgresRuns(Database(pool))
        return [await runs.retry(RunId(run_id)) for run_id in run_ids]


def _message(run: Run) -> str:
    message = (run.error or {}).get("message", "")
    return message if isinstance(message, str) else "(encrypted)"


def _table(page: Sequence[Run], total: int) -> Table:
    table = Table(title="Set aside", title_justify="left", caption_justify="left")
    for heading in ("run", "thread", "graph", "since", "attempts", "error"):
        table.add_column(heading, overflow="fold")
    for run in page:
        table.add_row(
            str(run.run_id),
            "stateless" if run.temporary else str(run.thread_id),
            run.graph_id,
            f"{run.set_aside_at:%Y-%m-%d %H:%M}",
            str(run.attempt),
            escape(_message(run)),
        )
    if total > len(page):
        table.caption = f"… and {total - len(page):,} more"
    return table
