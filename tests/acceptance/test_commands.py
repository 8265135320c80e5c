"""The commands that end by themselves."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from joinstream import __version__
from joinstream.item_store.config import ItemStoreConfig
from joinstream.item_store.tables import missing_tables
from joinstream.store.migrate import migrations_folder, pending, read_migrations
from tests.support.commands import run
from tests.support.redis import RedisServer

SECRET = "hunter2"


def test_version_is_the_packages() -> None:
    ended = run("--version")
    assert (ended.returncode, ended.stdout) == (0, f"joinstream {__version__}\n")


@pytest.mark.parametrize(
    "command",
    ["dev", "serve", "worker", "migrate", "doctor", "storage", "import", "tail"],
)
def test_every_command_explains_itself(command: str) -> None:
    ended = run(command, "--help")
    assert ended.returncode == 0
    assert command in ended.stdout


@pytest.mark.parametrize(
    "arguments", [("dev", "--workers", "3"), ("serv",), ("dev", "--port", "x")]
)
def test_a_wrong_option_is_exit_code_2(arguments: tuple[str, ...]) -> None:
    assert run(*arguments).returncode == 2


def test_help_is_quick_because_nothing_heavy_is_imported() -> None:
    script = "import joinstream.cli, sys; print(*sorted(sys.modules))"
    modules = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "joinstream.cli.commands" in modules
    assert not {"langgraph", "asyncpg", "redis", "uvicorn", "pydantic"} & set(modules)


async def test_migrate_names_what_it_applies_and_check_what_is_missing(
    empty_database_uri: str, tmp_path: Path
) -> None:
    ours = [migration.name for migration in read_migrations(migrations_folder())]
    names = [*ours, *await missing_tables(empty_database_uri, ItemStoreConfig())]
    database = {"DATABASE_URI": empty_database_uri}

    missing = run("migrate", "--check", environment=database, folder=tmp_path)
    assert missing.returncode == 1
    assert missing.stdout.splitlines() == [f"pending {name}" for name in names]
    assert await pending(empty_database_uri) == ours

    applied = run("migrate", environment=database, folder=tmp_path)
    assert applied.returncode == 0
    assert applied.stdout.splitlines() == [f"applied {name}" for name in names]

    for again in (("migrate",), ("migrate", "--check")):
        ended = run(*again, environment=database, folder=tmp_path)
        assert (ended.returncode, ended.stdout) == (0, "the database is up to date\n")


def test_migrate_without_a_database_is_one_line(tmp_path: Path) -> None:
    ended = run("migrate", folder=tmp_path)
    assert ended.returncode == 1
    assert "DATABASE_URI is not set" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_doctor_finds_nothing_wrong_where_nothing_is(
    database_uri: str, redis_server: RedisServer
) -> None:
    ended = run("doctor", environment={"DATABASE_URI": database_uri, "REDIS_URI": redis_server.url})
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "✗" not in ended.stdout
    assert "migrated" in ended.stdout


def test_doctor_in_a_project_without_services_knows_that_dev_brings_its_own() -> None:
    ended = run("doctor")
    assert ended.returncode == 0
    assert "`dev` brings Postgres 18" in words(ended.stdout)


def test_doctor_names_everything_that_is_wrong_with_its_remedy_and_no_password(
    tmp_path: Path,
) -> None:
    ended = run(
        "doctor",
        folder=tmp_path,
        environment={
            "DATABASE_URI": f"postgresql://joe:{SECRET}@127.0.0.1:1/app",
            "REDIS_URI": f"redis://:{SECRET}@127.0.0.1:1",
        },
    )
    assert ended.returncode == 1
    found = words(ended.stdout)
    assert found.count("✗") == 3
    assert "langgraph.json does not exist" in found
    assert "Postgres cannot be reached" in found
    assert "Check the address in REDIS_URI" in found
    assert SECRET not in found
    assert SECRET not in ended.stderr


def test_doctor_says_which_migrations_are_missing(empty_database_uri: str) -> None:
    ended = run("doctor", environment={"DATABASE_URI": empty_database_uri})
    assert ended.returncode == 1
    assert "not migrated: lacks 0001_runs and " in words(ended.stdout)
    assert "Run `joinstream migrate --config langgraph.json`." in words(ended.stdout)


def test_doctor_says_which_tables_the_projects_store_lacks(
    database_uri: str, tmp_path: Path
) -> None:
    (tmp_path / "embed.py").write_text("def embed(texts): return [[1.0, 2.0] for _ in texts]\n")
    (tmp_path / "langgraph.json").write_text(
        '{"graphs": {"echo": "./echo.py:graph"},'
        ' "store": {"index": {"embed": "./embed.py:embed", "dims": 2}}}'
    )
    ended = run("doctor", folder=tmp_path, environment={"DATABASE_URI": database_uri})
    assert "lacks store index of 2 dimensions" in words(ended.stdout)


def test_doctor_names_a_setting_that_cannot_be_used(tmp_path: Path) -> None:
    ended = run("doctor", folder=tmp_path, environment={"N_JOBS_PER_WORKER": "ten"})
    assert ended.returncode == 1
    assert "N_JOBS_PER_WORKER is 'ten'" in words(ended.stdout)


def words(table: str) -> str:
    """The remedies of a table read as text, across the lines of its cells."""
    rows = [[cell.strip() for cell in line.split("│")] for line in table.splitlines()]
    columns = zip(*(row for row in rows if len(row) > 3), strict=False)
    return re.sub(r"\s+", " ", " ".join(" ".join(column) for column in columns))
