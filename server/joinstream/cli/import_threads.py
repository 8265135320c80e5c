"""`joinstream import`."""

import asyncio
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import MofNCompleteColumn, Progress
from rich.table import Table

from joinstream.backends import database_uri
from joinstream.checkpoint import PostgresCheckpoints
from joinstream.encryption.configured import configured_ciphers
from joinstream.errors import StartupError
from joinstream.importing import AT_A_TIME, Importer, Outcome, Report, Target, open_source
from joinstream.processes.preparation import Prepared, prepare, require_migrated
from joinstream.serializer import checkpoint_serializer
from joinstream.settings.addresses import check_postgres_address
from joinstream.store.database import Database
from joinstream.store.encrypted.check import check_ciphers
from joinstream.store.pool import create_pool

_FAILURES_SHOWN = 20
_MEANINGS: dict[Outcome, str] = {
    "copied": "copied and compared with the source",
    "renewed": "copied anew: changed in the source since the last import",
    "unchanged": "copied by an earlier import",
    "in use here": "left alone: used here since it was copied, or never copied from there",
    "failed": "not copied",
}


def run_import(
    config: Path, uri: str, schema: str, graph_id: str | None, kept_metadata: list[str]
) -> int:
    """Copy what is missing and print what became of it; 1 when a thread could not be copied.

    Raises StartupError.
    """
    try:
        check_postgres_address(uri)
    except ValueError as error:
        raise StartupError(f"--from: the address {error}.") from None
    prepared = prepare(config)
    known = prepared.project.graph_ids
    if graph_id is not None and graph_id not in known:
        raise StartupError(f"--graph {graph_id}: the project's graphs are {', '.join(known)}.")
    report = asyncio.run(_import(prepared, uri, schema, graph_id, kept_metadata))
    Console().print(_table(report))
    return 1 if report.reasons else 0


async def _import(
    prepared: Prepared, uri: str, schema: str, graph_id: str | None, kept_metadata: list[str]
) -> Report:
    ours = database_uri(prepared.settings)
    await require_migrated(ours)
    pool = await create_pool(ours, max_size=AT_A_TIME, application_name="joinstream import")
    try:
        ciphers = configured_ciphers(prepared.settings, prepared.project)
        await check_ciphers(Database(pool), ciphers.fields)
        serde = checkpoint_serializer(prepared.project, ciphers)
        target = Target(
            pool,
            PostgresCheckpoints(pool, serde=serde, fields=ciphers.fields),
            prepared.project,
            ciphers.fields,
            graph_id=graph_id,
            kept_metadata=kept_metadata,
        )
        async with open_source(uri, schema, serde, connections=AT_A_TIME) as source:
            with _progress() as progress:
                task = progress.add_task("threads", total=await source.count())
                return await Importer(source, target).run(lambda: progress.advance(task))
    finally:
        await pool.close()


def _progress() -> Progress:
    return Progress(
        *Progress.get_default_columns(), MofNCompleteColumn(), console=Console(stderr=True)
    )


def _table(report: Report) -> Table:
    table = Table(title="Import", title_justify="left", caption_justify="left")
    table.add_column("threads", justify="right")
    table.add_column("")
    table.add_column("meaning", overflow="fold")
    for outcome, meaning in _MEANINGS.items():
        if count := report.outcomes[outcome]:
            table.add_row(f"{count:,}", outcome, meaning)
    shown = list(report.reasons.items())[:_FAILURES_SHOWN]
    for thread_id, reason in shown:
        table.add_row("", "", f"[red]{escape(thread_id)}[/]: {escape(reason)}")
    if len(report.reasons) > len(shown):
        table.caption = f"… and {len(report.reasons) - len(shown):,} more that were not copied"
    return table
