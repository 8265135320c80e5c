"""Migrations: applied once, in order, by one process at a time, and never silently different."""

import asyncio
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from joinstream.errors import StartupError, Unavailable
from joinstream.store.database import transaction
from joinstream.store.migrate import migrate, migrations_folder, pending, read_migrations
from joinstream.store.pool import create_pool
from tests.support.waiting import eventually

ALL = [migration.name for migration in read_migrations(migrations_folder())]
PROCESSES = 8
MIGRATE_SCRIPT = """
import asyncio, sys
from joinstream.store.migrate import migrate
sys.stdin.readline()
print(*asyncio.run(migrate(sys.argv[1])))
"""


def write_migrations(folder: Path, **files: str) -> Path:
    for name, sql in files.items():
        (folder / f"{name.removeprefix('m')}.sql").write_text(sql, encoding="utf-8")
    return folder


async def applied_names(uri: str) -> list[str]:
    connection = await asyncpg.connect(uri)
    try:
        rows = await connection.fetch("select name from joinstream_migrations order by name")
    finally:
        await connection.close()
    return [row["name"] for row in rows]


async def table_exists(uri: str, table: str) -> bool:
    connection = await asyncpg.connect(uri)
    try:
        return await connection.fetchval("select to_regclass($1) is not null", table) is True
    finally:
        await connection.close()


async def test_an_empty_database_gets_every_migration_in_order(empty_database_uri: str) -> None:
    assert await pending(empty_database_uri) == ALL
    assert await migrate(empty_database_uri) == ALL
    assert await pending(empty_database_uri) == []
    assert await table_exists(empty_database_uri, "runs")


async def test_a_second_call_applies_nothing(database_uri: str) -> None:
    assert await migrate(database_uri) == []


async def test_migrate_works_on_a_connection_and_leaves_it_usable(empty_database_uri: str) -> None:
    connection = await asyncpg.connect(empty_database_uri)
    try:
        assert await migrate(connection) == ALL
        assert await pending(connection) == []
        assert (
            await connection.fetchval("select count(*) from pg_locks where locktype='advisory'")
            == 0
        )
    finally:
        await connection.close()


async def test_eight_processes_migrating_an_empty_database_at_once_apply_each_file_once(
    empty_database_uri: str,
) -> None:
    assert sorted(await migrate_in_processes(empty_database_uri)) == ALL
    assert await applied_names(empty_database_uri) == ALL


async def test_eight_processes_migrating_an_old_database_at_once_apply_what_is_new_once(
    empty_database_uri: str, tmp_path: Path
) -> None:
    oldest = read_migrations(migrations_folder())[0]
    old = write_migrations(tmp_path, **{oldest.name: oldest.sql})
    assert await migrate(empty_database_uri, old) == ALL[:1]

    assert sorted(await migrate_in_processes(empty_database_uri)) == ALL[1:]
    assert await applied_names(empty_database_uri) == ALL


async def migrate_in_processes(uri: str) -> list[str]:
    """Everything applied by PROCESSES processes which start migrating at the same moment."""
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            MIGRATE_SCRIPT,
            uri,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for _ in range(PROCESSES)
    ]
    outputs = await asyncio.gather(*(process.communicate(b"go\n") for process in processes))
    assert [process.returncode for process in processes] == [0] * PROCESSES
    return [name for output, _ in outputs for name in output.decode().split()]


async def test_whoever_comes_second_waits_without_blocking_on_the_lock(
    empty_database_uri: str, tmp_path: Path
) -> None:
    """A blocked waiter would hold a snapshot that `create index concurrently` waits for."""
    folder = write_migrations(tmp_path, m0001_gate="select pg_advisory_xact_lock(4711)")
    gate = await asyncpg.connect(empty_database_uri)
    try:
        await gate.execute("select pg_advisory_lock(4711)")
        both = [asyncio.create_task(migrate(empty_database_uri, folder)) for _ in range(2)]
        waiting = "select count(*) from pg_locks where locktype = 'advisory' and not granted"
        await eventually(lambda: gate.fetchval(waiting))
        assert await gate.fetchval(waiting) == 1
        assert not any(task.done() for task in both)
        await gate.execute("select pg_advisory_unlock(4711)")
        assert sorted(await asyncio.gather(*both)) == [[], ["0001_gate"]]
    finally:
        await gate.close()


async def test_a_file_that_fails_leaves_nothing_and_keeps_those_before_it(
    empty_database_uri: str, tmp_path: Path
) -> None:
    folder = write_migrations(
        tmp_path,
        m0001_good="create table good (x int)",
        m0002_bad="create table half (x int); select 1/0",
    )
    with pytest.raises(StartupError, match=r"0002_bad\.sql failed and was undone: division"):
        await migrate(empty_database_uri, folder)
    assert await applied_names(empty_database_uri) == ["0001_good"]
    assert not await table_exists(empty_database_uri, "half")

    write_migrations(folder, m0002_bad="create table half (x int)")
    assert await migrate(empty_database_uri, folder) == ["0002_bad"]


async def test_a_process_that_dies_half_way_leaves_nothing_and_lets_the_next_one_in(
    empty_database_uri: str, tmp_path: Path
) -> None:
    folder = write_migrations(
        tmp_path, m0001_slow="create table slow (x int); select pg_advisory_xact_lock(4711)"
    )
    gate = await asyncpg.connect(empty_database_uri)
    try:
        await gate.execute("select pg_advisory_lock(4711)")
        victim = asyncio.create_task(migrate(empty_database_uri, folder))
        blocked = "select pid from pg_locks where locktype = 'advisory' and not granted"
        pid = await eventually(lambda: gate.fetchval(blocked))
        await gate.execute("select pg_terminate_backend($1)", pid)
        with pytest.raises(StartupError, match=r"0001_slow\.sql failed"):
            await victim
        assert not await table_exists(empty_database_uri, "slow")
        await gate.execute("select pg_advisory_unlock(4711)")
        assert await migrate(empty_database_uri, folder) == ["0001_slow"]
    finally:
        await gate.close()


async def test_a_file_changed_after_it_was_applied_is_refused_in_one_line(
    empty_database_uri: str, tmp_path: Path
) -> None:
    folder = write_migrations(tmp_path, m0001_first="create table first (x int)")
    await migrate(empty_database_uri, folder)
    write_migrations(folder, m0001_first="create table first (x bigint)")
    for check in (migrate, pending):
        with pytest.raises(StartupError, match=r"0001_first\.sql was changed") as caught:
            await check(empty_database_uri, folder)
        assert "\n" not in str(caught.value)


async def test_a_database_that_a_newer_release_has_migrated_is_accepted(
    empty_database_uri: str, tmp_path: Path
) -> None:
    newer = write_migrations(tmp_path, m0001_a="select 1", m0002_b="select 1")
    await migrate(empty_database_uri, newer)
    (newer / "0002_b.sql").unlink()
    assert await migrate(empty_database_uri, newer) == []


async def test_line_ends_of_the_checkout_do_not_count_as_a_change(
    empty_database_uri: str, tmp_path: Path
) -> None:
    (tmp_path / "0001_a.sql").write_bytes(b"select 1;\nselect 2;\n")
    await migrate(empty_database_uri, tmp_path)
    (tmp_path / "0001_a.sql").write_bytes(b"select 1;\r\nselect 2;\r\n")
    assert await migrate(empty_database_uri, tmp_path) == []


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        ((), "No migrations"),
        (("runs",), "rename it to NNNN_what"),
        (("0001_a", "0001_b"), "share a number"),
    ],
)
def test_a_folder_that_is_no_ordered_list_of_migrations_is_refused(
    tmp_path: Path, names: tuple[str, ...], complaint: str
) -> None:
    for name in names:
        (tmp_path / f"{name}.sql").touch()
    with pytest.raises(StartupError, match=complaint):
        read_migrations(tmp_path)


async def test_an_unreachable_database_is_one_line_without_the_password() -> None:
    with pytest.raises(StartupError, match="Postgres cannot be reached") as caught:
        await migrate("postgresql://joe:hunter2@127.0.0.1:1/app")
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)


async def test_a_postgres_without_a_free_connection_is_told_as_such(database_uri: str) -> None:
    role = f"guest_{uuid4().hex}"
    owner = await asyncpg.connect(database_uri)
    try:
        await owner.execute(f"create role {role} login connection limit 0")
        with pytest.raises(StartupError, match=r"no connection left.*max_connections"):
            await pending(database_uri.replace("postgres@", f"{role}@", 1))
    finally:
        await owner.execute(f"drop role {role}")
        await owner.close()


async def test_a_transaction_that_finds_no_connection_is_for_later(database_uri: str) -> None:
    pool = await create_pool(database_uri)
    await pool.close()
    with pytest.raises(Unavailable):
        async with transaction(pool):
            pass


async def test_a_user_who_may_not_migrate_is_told_so_in_one_line(empty_database_uri: str) -> None:
    role = f"guest_{uuid4().hex}"
    owner = await asyncpg.connect(empty_database_uri)
    try:
        await owner.execute(f"create role {role} login")
        guest_uri = empty_database_uri.replace("postgres@", f"{role}@", 1)
        with pytest.raises(StartupError, match=r"may not do what is needed.*schema public"):
            await migrate(guest_uri)
        await migrate(empty_database_uri)
        with pytest.raises(StartupError, match=r"may not do what is needed.*joinstream_migrations"):
            await pending(guest_uri)
    finally:
        await owner.execute(f"drop role {role}")
        await owner.close()
