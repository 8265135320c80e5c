"""The embedded Postgres: durable, alone on its folder, recovering, and careful with permissions."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest

from joinstream.errors import StartupError
from joinstream.store.embedded import EmbeddedPostgres, binaries

AS_ROOT = os.geteuid() == 0
needs_root = pytest.mark.skipif(not AS_ROOT, reason="is about a server started by root")
NOBODY = 65534

OWNER_SCRIPT = """
import sys
from pathlib import Path
from joinstream.store.embedded import EmbeddedPostgres
with EmbeddedPostgres(Path(sys.argv[1])) as postgres:
    print(postgres.uri, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A temporary folder that other users may pass; pytest's own are closed."""
    with tempfile.TemporaryDirectory(prefix="joinstream-embedded-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@contextmanager
def owner_process(data_dir: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that has started an embedded Postgres and holds it."""
    command = [sys.executable, "-c", OWNER_SCRIPT, str(data_dir)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("postgresql://")
        yield process
        process.communicate()


async def query(uri: str, *statements: str) -> object:
    """The last statement's first value."""
    connection = await asyncpg.connect(uri)
    try:
        for statement in statements[:-1]:
            await connection.execute(statement)
        return await connection.fetchval(statements[-1])
    finally:
        await connection.close()


def postmaster_pid(data_dir: Path) -> int:
    return int((data_dir / "postgres" / "postmaster.pid").read_text().split()[0])


def permissions_on_the_way_to(path: Path) -> dict[Path, int]:
    return {parent: stat.S_IMODE(parent.stat().st_mode) for parent in path.parents}


def refusal_to_start(data_dir: Path) -> str:
    with pytest.raises(StartupError) as caught:
        EmbeddedPostgres(data_dir).start()
    assert "\n" not in str(caught.value)
    return str(caught.value)


async def test_data_is_there_again_after_a_restart(folder: Path) -> None:
    with EmbeddedPostgres(folder / "data") as postgres:
        await query(postgres.uri, "create table t (x int)", "insert into t values (7) returning x")
    with EmbeddedPostgres(folder / "data") as postgres:
        assert await query(postgres.uri, "select x from t") == 7


async def test_a_commit_survives_the_sudden_death_of_the_server(folder: Path) -> None:
    postgres = EmbeddedPostgres(folder)
    postgres.start()
    await query(postgres.uri, "create table t (x int)", "insert into t values (7) returning x")
    os.kill(postmaster_pid(folder), signal.SIGKILL)
    postgres.stop()

    with EmbeddedPostgres(folder) as recovered:
        assert await query(recovered.uri, "select x from t") == 7


async def test_what_a_commit_promises_is_not_traded_for_speed(folder: Path) -> None:
    with EmbeddedPostgres(folder) as postgres:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            assert await query(postgres.uri, f"show {setting}") == "on"


async def test_a_server_that_outlived_its_owner_is_replaced_without_loss(folder: Path) -> None:
    with owner_process(folder) as owner:
        orphan = postmaster_pid(folder)
        owner.kill()
        owner.wait()
        with EmbeddedPostgres(folder) as postgres:
            assert postmaster_pid(folder) != orphan
            assert await query(postgres.uri, "select 1") == 1


def test_a_folder_in_use_by_another_process_is_refused_with_its_id(folder: Path) -> None:
    with owner_process(folder) as owner:
        message = refusal_to_start(folder)
    assert f"in use by another joinstream (process {owner.pid})" in message
    assert "--data-dir" in message


def test_a_stale_pid_file_that_names_a_live_stranger_neither_stops_us_nor_hurts_it(
    folder: Path,
) -> None:
    with EmbeddedPostgres(folder):
        stale = (folder / "postgres" / "postmaster.pid").read_text().splitlines()
    with subprocess.Popen(["sleep", "60"]) as stranger:
        stale[0] = str(stranger.pid)
        (folder / "postgres" / "postmaster.pid").write_text("\n".join(stale) + "\n")
        with EmbeddedPostgres(folder):
            assert stranger.poll() is None
        stranger.kill()


@pytest.mark.parametrize("content", ["", "12", "garbage\n", "1\n/somewhere\n1\n"])
def test_a_pid_file_cut_off_by_a_crash_is_no_obstacle(folder: Path, content: str) -> None:
    with EmbeddedPostgres(folder):
        pass
    (folder / "postgres" / "postmaster.pid").write_text(content)
    with EmbeddedPostgres(folder):
        pass


def test_a_first_start_that_was_cut_off_is_begun_anew(folder: Path) -> None:
    (folder / "postgres.new").mkdir()
    (folder / "postgres.new" / "half").touch()
    with EmbeddedPostgres(folder):
        pass
    assert not (folder / "postgres.new").exists()


@pytest.mark.parametrize("name", ["a folder, with 100% odd & long name" * 4, "ünï", "it's"])
async def test_any_folder_name_will_do(folder: Path, name: str) -> None:
    with EmbeddedPostgres(folder / name) as postgres:
        assert await query(postgres.uri, "select 1") == 1


def test_stopping_twice_or_before_the_start_does_nothing(folder: Path) -> None:
    postgres = EmbeddedPostgres(folder)
    postgres.stop()
    postgres.start()
    postgres.stop()
    postgres.stop()
    with pytest.raises(RuntimeError):
        _ = postgres.uri


async def test_ctrl_c_in_the_terminal_does_not_reach_the_server(folder: Path) -> None:
    """It is ours to stop it, after the runs have been handed back."""
    with EmbeddedPostgres(folder):
        assert os.getpgid(postmaster_pid(folder)) != os.getpgid(0)


def test_a_failed_start_tells_the_reason_and_lets_go_of_the_folder(folder: Path) -> None:
    with EmbeddedPostgres(folder):
        pass
    (folder / "postgres" / "PG_VERSION").write_text("9\n")
    message = refusal_to_start(folder)
    assert "database files are incompatible with server" in message
    assert str(folder / "postgres.log") in message

    (folder / "postgres" / "PG_VERSION").write_text("18\n")
    with EmbeddedPostgres(folder):
        pass


def test_a_data_directory_that_cannot_be_made_is_one_line(folder: Path) -> None:
    (folder / "file").touch()
    assert "Choose another --data-dir" in refusal_to_start(folder / "file" / "data")


def test_a_missing_extra_is_one_line_with_the_command_to_install_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binaries, "find_spec", lambda name: None)
    assert "pip install 'joinstream[embedded]'" in refusal_to_start(folder)


@needs_root
def test_root_is_told_when_postgres_could_not_enter_and_no_permission_is_changed(
    folder: Path,
) -> None:
    home = folder / "home"
    home.mkdir(mode=0o700)
    data_dir = home / "project" / "data"
    before = permissions_on_the_way_to(home / "project")
    message = refusal_to_start(data_dir)
    assert str(home) in message
    assert "--data-dir /var/lib/joinstream" in message
    assert permissions_on_the_way_to(home / "project") == before


@needs_root
def test_folders_that_root_makes_itself_can_be_entered_whatever_the_umask(folder: Path) -> None:
    before = os.umask(0o077)
    try:
        with EmbeddedPostgres(folder / "new" / "data"):
            pass
    finally:
        os.umask(before)


@needs_root
async def test_binaries_that_root_keeps_to_itself_are_copied_and_no_permission_is_changed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = binaries.find_binaries().parents[1]
    home = folder / "home"
    site_packages = home / "site-packages"
    shutil.copytree(installed, site_packages / installed.name)
    libraries = installed.with_name(installed.name + ".libs")
    if libraries.exists():
        shutil.copytree(libraries, site_packages / libraries.name)
    home.chmod(0o700)
    closed = site_packages / installed.name / binaries.find_binaries().parent.name / "bin"
    before = permissions_on_the_way_to(closed)
    monkeypatch.setattr("joinstream.store.embedded.server.find_binaries", lambda: closed)

    for _ in ("copied", "found again"):
        with EmbeddedPostgres(folder / "data") as postgres:
            assert await query(postgres.uri, "select 1") == 1
    assert permissions_on_the_way_to(closed) == before


@needs_root
def test_data_made_by_an_ordinary_user_is_served_to_root_and_stays_that_users(
    folder: Path,
) -> None:
    folder.chmod(0o777)
    assert as_nobody(folder / "data") == "1"
    with EmbeddedPostgres(folder / "data"):
        assert (folder / "data" / "postgres" / "postmaster.pid").stat().st_uid == NOBODY
    assert as_nobody(folder / "data") == "1"


@needs_root
def test_data_made_by_root_is_refused_to_an_ordinary_user_in_one_line(folder: Path) -> None:
    with EmbeddedPostgres(folder / "data"):
        pass
    refused = as_nobody(folder / "data")
    assert refused.startswith(f"{folder / 'data' / 'lock'} belongs to another user")
    assert "\n" not in refused


def as_nobody(data_dir: Path) -> str:
    """What a query answers on a Postgres started by an ordinary user, or why it does not start."""
    script = """
import asyncio, os, sys
from pathlib import Path
import asyncpg
from joinstream.errors import StartupError
from joinstream.store.embedded import EmbeddedPostgres
user = int(sys.argv[2])
os.setgroups([]), os.setgid(user), os.setuid(user)
async def ask(uri):
    connection = await asyncpg.connect(uri)
    return await connection.fetchval("select 1")
try:
    with EmbeddedPostgres(Path(sys.argv[1])) as postgres:
        print(asyncio.run(ask(postgres.uri)), end="")
except StartupError as error:
    print(error, end="")
"""
    # The interpreter is started by root, for it may lie where an ordinary user cannot go.
    command = [sys.executable, "-c", script, str(data_dir), str(NOBODY)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
