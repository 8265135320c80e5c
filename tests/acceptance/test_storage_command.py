"""`joinstream storage`: sizes, and what a sweep would remove."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.api import Api, running_api
from tests.support.commands import run


@pytest.fixture
async def api(database_uri: str) -> AsyncIterator[Api]:
    async with running_api(database_uri) as running:
        yield running


async def thread_with(api: Api, checkpoints: int, **thread: object) -> str:
    made = await api.client.threads.create(graph_id="counter", **thread)  # type: ignore[arg-type]  # only ttl is given
    for _ in range(checkpoints):
        update = {"count": 1, "steps": 0}
        await api.client.threads.update_state(made["thread_id"], update, as_node="step")
    return made["thread_id"]


def printed(database_uri: str, folder: Path, *arguments: str, **settings: str) -> list[list[str]]:
    """The cells of each line of the tables."""
    ended = run(
        "storage",
        *arguments,
        environment={"DATABASE_URI": database_uri, "COLUMNS": "160", **settings},
        folder=folder,
    )
    assert ended.returncode == 0, ended.stderr
    lines = [line for line in ended.stdout.splitlines() if line.startswith("│")]
    return [[cell.strip() for cell in line.strip("│").split("│")] for line in lines]


async def test_sizes_are_shown_by_table_and_for_the_biggest_threads(
    api: Api, database_uri: str, tmp_path: Path
) -> None:
    small, big, middle = [await thread_with(api, count) for count in (1, 9, 5)]
    rows = printed(database_uri, tmp_path, "--top", "2")
    counts = {row[0]: row[1] for row in rows}
    assert (counts["threads"], counts["checkpoints"], counts["runs"]) == ("3", "15", "0")
    listed = [row for row in rows if row[0] in (small, big, middle)]
    assert [(row[0], row[1], row[3]) for row in listed] == [
        (big, "idle", "9"),
        (middle, "idle", "5"),
    ]


async def test_a_dry_run_counts_what_a_sweep_would_remove_and_removes_nothing(
    api: Api, database_uri: str, tmp_path: Path
) -> None:
    await thread_with(api, 3, ttl=1)
    await thread_with(api, 4, ttl={"ttl": 1, "strategy": "keep_latest"})
    await thread_with(api, 7)
    await api.backends.pool.execute("update threads set updated_at = now() - interval '1 hour'")
    for _ in range(2):
        rows = printed(database_uri, tmp_path, "--dry-run", JOINSTREAM_KEEP_CHECKPOINTS="5")
        assert [row[1:] for row in rows[:3]] == [["1", "3"], ["1", "3"], ["1", "2"]]


async def test_a_dry_run_speaks_of_thinning_out_only_where_it_is_on(
    api: Api, database_uri: str, tmp_path: Path
) -> None:
    await thread_with(api, 7)
    rows = printed(database_uri, tmp_path, "--dry-run")
    assert [row[1:] for row in rows] == [["0", "0"], ["0", "0"], ["0"], ["0"], ["0"]]


async def test_a_dry_run_counts_the_logs_that_are_old(
    api: Api, database_uri: str, tmp_path: Path
) -> None:
    thread = await api.client.threads.create()
    for webhook in (None, "https://example.com/"):
        run = await api.client.runs.create(
            thread["thread_id"], "echo", after_seconds=3600, webhook=webhook
        )
        await api.client.runs.cancel(thread["thread_id"], run["run_id"])
    await api.backends.pool.execute("update runs set ended_at = now() - interval '3 days'")
    await api.backends.pool.execute(
        "update webhook_deliveries set status = 'failed', created_at = now() - interval '3 days'"
    )
    kept = {"JOINSTREAM_RUN_RETENTION_DAYS": "2", "JOINSTREAM_WEBHOOK_RETENTION_DAYS": "2"}
    rows = printed(database_uri, tmp_path, "--dry-run", **kept)
    assert [row[1] for row in rows[-3:]] == ["2", "0", "1"]


def test_a_database_that_is_not_migrated_is_one_line(
    empty_database_uri: str, tmp_path: Path
) -> None:
    ended = run("storage", environment={"DATABASE_URI": empty_database_uri}, folder=tmp_path)
    assert ended.returncode == 1
    assert "joinstream migrate" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
