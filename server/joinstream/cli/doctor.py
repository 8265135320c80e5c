"""`joinstream doctor`: one check per thing that a start needs, each with its remedy."""

import asyncio
import platform
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
from redis.exceptions import NoPermissionError, RedisError
from rich.console import Console
from rich.filesize import decimal
from rich.markup import escape
from rich.table import Table

from joinstream import __version__
from joinstream.backends import database_uri, redis_connections
from joinstream.cli.migrate import item_store_of
from joinstream.cli.storage import LOG_NAMES, logs_due
from joinstream.encryption.configured import Ciphers, configured_ciphers
from joinstream.errors import StartupError
from joinstream.item_store.tables import missing_tables
from joinstream.mounting.config import http_config
from joinstream.mounting.custom_app import load_custom_app
from joinstream.processes.preparation import read_settings
from joinstream.project import load_project
from joinstream.settings import Settings, load_settings
from joinstream.store.database import Database
from joinstream.store.embedded.binaries import find_binaries
from joinstream.store.encrypted.check import require_readable
from joinstream.store.migrate import pending
from joinstream.store.pool import create_pool
from joinstream.store.storage import StorageReport
from joinstream.streams.redis import RedisEventLog

OLDEST_PYTHON = (3, 11)
OLDEST_REDIS = (6, 2)


@dataclass(frozen=True, slots=True)
class Finding:
    """`remedy` is None when all is well."""

    subject: str
    state: str
    remedy: str | None = None


def run_doctor(config: Path) -> int:
    """Print what was found; 1 when something is wrong."""
    findings = asyncio.run(_examine(config))
    Console().print(_table(findings))
    return 1 if any(finding.remedy for finding in findings) else 0


async def _examine(config: Path) -> list[Finding]:
    return [finding async for finding in _findings(config)]


async def _findings(config: Path) -> AsyncIterator[Finding]:
    yield _python()
    yield Finding("joinstream", __version__)
    try:
        settings = read_settings(config) if config.exists() else load_settings()
    except StartupError as error:
        yield Finding("settings", "cannot be used", str(error))
        return
    yield Finding("settings", "fine")
    project, ciphers = _project(config, settings)
    yield project
    async for finding in _postgres(config, settings, ciphers):
        yield finding
    yield await _redis(settings)


def _python() -> Finding:
    state = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    if sys.version_info < OLDEST_PYTHON:
        return Finding("Python", state, "Install Python {}.{} or newer.".format(*OLDEST_PYTHON))
    return Finding("Python", state)


def _project(config: Path, settings: Settings) -> tuple[Finding, Ciphers | None]:
    """Also what encrypts; None when it cannot be loaded."""
    try:
        project = load_project(config)
        load_custom_app(http_config(project.config).app, project, settings.mount_prefix)
        ciphers = configured_ciphers(settings, project)
    except StartupError as error:
        return Finding("project", "cannot be loaded", str(error)), None
    return Finding("project", f"{config}: {', '.join(project.graph_ids)}"), ciphers


async def _postgres(
    config: Path, settings: Settings, ciphers: Ciphers | None
) -> AsyncIterator[Finding]:
    if settings.database_uri is None:
        yield _embedded_postgres()
        return
    try:
        pool = await create_pool(
            database_uri(settings),
            max_size=1,
            application_name="joinstream doctor",
            prepared_statements=settings.prepared_statements,
        )
    except StartupError as error:
        yield Finding("Postgres", "cannot be used", str(error))
        return
    try:
        version = str(await pool.fetchval("show server_version"))
        async with pool.acquire() as connection:
            missing = await pending(connection)
            missing += await missing_tables(connection, item_store_of(config))
        if missing:
            state = f"{version}, not migrated: lacks {missing[0]}"
            state += f" and {len(missing) - 1} more" if missing[1:] else ""
            yield Finding("Postgres", state, f"Run `joinstream migrate --config {config}`.")
            return
        yield Finding("Postgres", f"{version}, migrated")
        if ciphers is not None:
            yield await _encryption(pool, ciphers)
        yield await _sizes(pool)
        yield await _due(pool, settings)
    except StartupError as error:
        yield Finding("Postgres", "cannot be used", str(error))
    finally:
        await pool.close()


async def _encryption(pool: asyncpg.Pool, ciphers: Ciphers) -> Finding:
    writing = ciphers.fields.writing if ciphers.fields else None
    state = (
        f"JSON fields are encrypted by {writing.name}"
        if writing
        else "no JSON fields are encrypted"
    )
    try:
        await require_readable(Database(pool), ciphers.fields)
    except StartupError as error:
        return Finding("encryption", state, str(error))
    return Finding("encryption", state)


async def _sizes(pool: asyncpg.Pool) -> Finding:
    sizes = await StorageReport(pool).tables()
    total = decimal(sum(size.bytes for size in sizes))
    listed = "; ".join(f"{size.what} {size.rows:,} in {decimal(size.bytes)}" for size in sizes)
    return Finding("storage", f"{total}: {listed}")


async def _due(pool: asyncpg.Pool, settings: Settings) -> Finding:
    due = await StorageReport(pool).due(settings.keep_checkpoints)
    threads = sum(one.threads for one in due if one.action == "delete")
    checkpoints = sum(one.checkpoints for one in due)
    logs = await logs_due(pool, settings)
    listed = "; ".join(f"{LOG_NAMES[log]} {rows:,}" for log, rows in logs.items())
    return Finding(
        "retention",
        f"the next sweep would remove: threads {threads:,}; checkpoints {checkpoints:,}; {listed}",
    )


def _embedded_postgres() -> Finding:
    try:
        binaries = find_binaries()
    except StartupError as error:
        return Finding("Postgres", "none", str(error))
    version = binaries.parent.name.removeprefix("pginstall")
    return Finding("Postgres", f"DATABASE_URI is not set: `dev` brings Postgres {version}")


async def _redis(settings: Settings) -> Finding:
    if settings.redis_uri is None:
        return Finding("Redis", "REDIS_URI is not set: `dev` needs none, `serve` does")
    try:
        version, refusal = await _ask_redis(settings)
    except StartupError as error:
        return Finding("Redis", "cannot be used", str(error))
    except NoPermissionError as error:
        return Finding("Redis", f"its version is not to be had ({error})", "Allow its user INFO.")
    except (RedisError, OSError) as error:
        remedy = "Check the address in REDIS_URI, the password and that the server runs."
        return Finding("Redis", f"cannot be reached ({type(error).__name__}: {error})", remedy)
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_REDIS:
        return Finding("Redis", version, "Upgrade to Redis {}.{} or newer.".format(*OLDEST_REDIS))
    if refusal is not None:
        remedy = (
            "Name a primary in REDIS_URI, whose user may write. When its memory is full, raise its "
            "maxmemory, and let its maxmemory-policy be volatile-ttl."
        )
        return Finding("Redis", f"{version}, takes no events ({refusal})", remedy)
    return Finding("Redis", version)


async def _ask_redis(settings: Settings) -> tuple[str, str | None]:
    """Its version, and why it does not take events; None when it does."""
    connections = redis_connections(settings)
    try:
        found = await connections.client.info("server")
        try:
            await RedisEventLog(connections).check()
            refusal = None
        except ConnectionError as error:
            refusal = str(error)
    finally:
        await connections.aclose()
    # A Cluster answers once per node.
    nodes = [found] if "redis_version" in found else list(found.values())
    return min(str(node["redis_version"]) for node in nodes), refusal


def _table(findings: list[Finding]) -> Table:
    table = Table(show_lines=False, title_justify="left")
    table.add_column("")
    table.add_column("what", no_wrap=True)
    table.add_column("found", overflow="fold")
    table.add_column("remedy", overflow="fold")
    for finding in findings:
        mark = "[red]✗[/]" if finding.remedy else "[green]✓[/]"
        table.add_row(mark, finding.subject, escape(finding.state), escape(finding.remedy or ""))
    return table
