"""`joinstream import`: a project moves in with its threads, whatever happens on the way."""

import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from joinstream.project import load_project
from tests.support.api import running_api
from tests.support.commands import run, running
from tests.support.moving_in import Source, converse, official_source
from tests.support.secrecy import rows_with
from tests.support.server import GRAPHS
from tests.support.waiting import eventually

THREADS = 40
GRAPH = ("--graph", "chat")


@pytest.fixture
async def source(empty_database_uri: str) -> AsyncIterator[Source]:
    async with official_source(empty_database_uri, load_project(GRAPHS)) as source:
        yield source


async def fill(source: Source, count: int) -> None:
    """Copies of one conversation, under the names `customer 1`, `customer 2`, …"""
    await source.fill("chat", "customer 0", converse, {})
    connection = await asyncpg.connect(source.uri)
    for table in ("checkpoints", "checkpoint_blobs", "checkpoint_writes"):
        columns = await connection.fetchval(
            "select string_agg(column_name, ', ') from information_schema.columns"
            " where table_name = $1 and column_name <> 'thread_id'",
            table,
        )
        await connection.execute(
            f"insert into {table} (thread_id, {columns}) select 'customer ' || n, {columns}"
            f" from {table}, generate_series(1, {count - 1}) as n"
        )
    await connection.close()


def arguments(source: Source, *more: str) -> tuple[str, ...]:
    return ("import", "--from", source.uri, *more)


def outcomes(printed: str) -> dict[str, int]:
    """The counts in the table that the command prints."""
    lines = [line.split("│") for line in printed.splitlines() if line.startswith("│")]
    return {cells[2].strip(): int(cells[1]) for cells in lines if cells[1].strip()}


async def imported(uri: str) -> int:
    connection = await asyncpg.connect(uri)
    count: int = await connection.fetchval("select count(*) from threads")
    await connection.close()
    return count


async def test_threads_that_came_along_go_on_as_if_they_had_always_been_here(
    source: Source, database_uri: str
) -> None:
    await fill(source, 3)
    environment = {"DATABASE_URI": database_uri}
    ended = run(*arguments(source, *GRAPH), environment=environment)
    assert (ended.returncode, outcomes(ended.stdout)) == (0, {"copied": 3})
    async with running_api(database_uri) as api:
        found = await api.client.threads.search(metadata={"imported_thread_id": "customer 2"})
        (thread_id,) = [thread["thread_id"] for thread in found]
        state: Any = await api.client.threads.get_state(thread_id)
        before = state["values"]["messages"]
        assert len(before) == 6
        message = {"role": "user", "content": "still there?"}
        await api.execute("chat", thread_id, {"messages": [message]})
        state = await api.client.threads.get_state(thread_id)
        assert state["values"]["messages"][:6] == before
        assert len(state["values"]["messages"]) == 8


async def test_what_comes_along_is_encrypted_where_everything_is(
    source: Source, database_uri: str
) -> None:
    await fill(source, 1)
    environment = {
        "DATABASE_URI": database_uri,
        "LANGGRAPH_AES_KEY": "0123456789abcdef",
        "LANGGRAPH_AES_JSON_KEYS": "content",
    }
    ended = run(*arguments(source, *GRAPH), environment=environment)
    assert (ended.returncode, outcomes(ended.stdout)) == (0, {"copied": 1})
    async with asyncpg.create_pool(database_uri) as pool:
        assert await pool.fetchval("select count(*) from checkpoint_parts")
        assert await rows_with(pool, "hello") == []


async def test_an_import_that_was_killed_goes_on_where_it_stopped(
    source: Source, database_uri: str
) -> None:
    await fill(source, THREADS)
    environment = {"DATABASE_URI": database_uri}
    with running(*arguments(source, *GRAPH), environment=environment) as command:
        some = await eventually(lambda: imported(database_uri))
        command.stop(signal.SIGKILL)
    left = await imported(database_uri)
    assert some <= left < THREADS, "it was over before it was killed"
    ended = run(*arguments(source, *GRAPH), environment=environment)
    assert (ended.returncode, outcomes(ended.stdout)) == (
        0,
        {"copied": THREADS - left, "unchanged": left},
    )
    connection = await asyncpg.connect(database_uri)
    lengths = await connection.fetch(
        "select count(*) as checkpoints, count(distinct t.thread_id) as threads from threads t"
        " join checkpoints using (thread_id) group by t.thread_id"
    )
    await connection.close()
    assert len(lengths) == THREADS
    assert len(set(lengths)) == 1


async def test_a_thread_that_cannot_be_copied_is_named_and_the_exit_code_tells(
    source: Source, database_uri: str
) -> None:
    await fill(source, 3)
    connection = await asyncpg.connect(source.uri)
    await connection.execute(
        "update checkpoint_blobs set blob = '\\xc1' where thread_id = 'customer 1'"
    )
    await connection.close()
    ended = run(
        *arguments(source, *GRAPH), environment={"DATABASE_URI": database_uri, "COLUMNS": "200"}
    )
    assert (ended.returncode, outcomes(ended.stdout)) == (1, {"copied": 2, "failed": 1})
    assert "customer 1" in ended.stdout


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ((), "--graph"),
        (("--graph", "nothing"), "nothing"),
        (("--graph", "chat", "--schema", "elsewhere"), "--schema"),
    ],
)
async def test_what_keeps_an_import_from_starting_is_one_line(
    source: Source, database_uri: str, more: tuple[str, ...], told: str
) -> None:
    await fill(source, 1)
    ended = run(*arguments(source, *more), environment={"DATABASE_URI": database_uri})
    assert ended.returncode == 1
    assert told in ended.stderr.splitlines()[-1]
    assert await imported(database_uri) == 0


def test_a_source_that_is_not_there_is_one_line(database_uri: str, tmp_path: Path) -> None:
    ended = run(
        "import",
        "--from",
        f"postgresql://nobody@/nothing?host={tmp_path}",
        environment={"DATABASE_URI": database_uri},
    )
    assert ended.returncode == 1
    assert "--from" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


async def test_a_database_of_the_official_saver_is_not_migrated_but_pointed_to_import(
    source: Source,
) -> None:
    ended = run("migrate", environment={"DATABASE_URI": source.uri})
    assert ended.returncode == 1
    assert "joinstream import" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
