"""`joinstream dev`, as its users meet it."""

import os
import shutil
import signal
import socket
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from langgraph_sdk import get_client

from tests.support.commands import RunningCommand, run, running, running_server
from tests.support.waiting import eventually

GRAPH = """
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

class State(TypedDict):
    text: str

def answer(state: State) -> State:
    return {{"text": "{answer}"}}

graph = StateGraph(State).add_node(answer).add_edge(START, "answer").compile()
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A project folder that every user may pass, so that an embedded Postgres can lie in it."""
    with tempfile.TemporaryDirectory(prefix="joinstream-dev-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def project(folder: Path) -> Path:
    (folder / "langgraph.json").write_text('{"graphs": {"agent": "./agent.py:graph"}}')
    write_graph(folder, "first")
    return folder


def write_graph(folder: Path, answer: str) -> None:
    """Replaced in one step, as editors do: a reload never sees half a file."""
    new = folder / "agent.py.new"
    new.write_text(GRAPH.format(answer=answer))
    new.replace(folder / "agent.py")


async def answer_of(url: str, graph: str = "agent") -> object:
    """What a stateless run gives back."""
    result = await get_client(url=url).runs.wait(None, graph, input={"text": "hello"})
    assert isinstance(result, dict)
    return result.get("text")


async def start_blocking_run(url: str, journal: Path) -> None:
    """Start a run that blocks its event loop for an hour; returns once it does."""
    await get_client(url=url).runs.create(
        None, "faulty", input={"verb": "block", "seconds": 3600, "path": str(journal)}
    )

    async def blocks() -> bool:
        return journal.exists() and "fault 0" in journal.read_text()

    await eventually(blocks)


def postgres_runs(data_dir: Path) -> bool:
    return (data_dir / "postgres" / "postmaster.pid").exists()


def children_of(command: RunningCommand) -> list[psutil.Process]:
    return psutil.Process(command.process.pid).children()


async def test_one_command_brings_everything_and_keeps_the_data(folder: Path) -> None:
    data = folder / "data"
    with running_server("dev", "--no-reload", "--data-dir", str(data)) as server:
        assert server.storage == f"10 graphs, embedded Postgres, data in {data}"
        async with httpx.AsyncClient(base_url=server.url) as http:
            assert (await http.get("/ok")).json()["ok"] is True
        client = get_client(url=server.url)
        thread = await client.threads.create()
        await client.runs.wait(thread["thread_id"], "echo", input={"text": "hello"})
        assert server.stop() == 0

    with running_server("dev", "--no-reload", "--data-dir", str(data)) as server:
        state = await get_client(url=server.url).threads.get_state(thread["thread_id"])
        assert state["values"] == {"text": "hello"}


@pytest.mark.parametrize("mode", ["--reload", "--no-reload"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_it_cleanly_together_with_postgres(
    project: Path, mode: str, number: signal.Signals
) -> None:
    with running_server("dev", mode, folder=project) as server:
        assert postgres_runs(project / ".joinstream")
        assert server.stop(number) == 0
        assert "Traceback" not in server.log
    assert not postgres_runs(project / ".joinstream")


async def test_a_changed_graph_is_served_on_the_same_port_without_a_failed_request(
    project: Path,
) -> None:
    with running_server("dev", folder=project) as server:
        url = server.url
        assert await answer_of(url) == "first"
        write_graph(project, "second")

        async def second() -> bool:
            with warnings.catch_warnings():  # the client says when it joins again
                warnings.simplefilter("ignore")
                return await answer_of(url) == "second"

        await eventually(second)
        server.wait_until_ready()
        assert server.url == url
        assert "Traceback" not in server.log


async def test_a_broken_graph_is_reported_and_its_mending_is_noticed(project: Path) -> None:
    with running_server("dev", folder=project) as server:
        (project / "agent.py").write_text("graph = 1 / 0")

        async def reported() -> bool:
            return "waiting for a change" in server.log

        await eventually(reported)
        assert "ZeroDivisionError" in server.log
        assert server.process.poll() is None
        write_graph(project, "mended")
        server.wait_until_ready()
        assert await answer_of(server.url) == "mended"


async def test_data_written_by_the_server_does_not_make_it_start_anew(project: Path) -> None:
    environment = project / "own-environment"
    environment.mkdir()
    (environment / "pyvenv.cfg").touch()
    with running_server("dev", folder=project) as server:
        (child,) = children_of(server)
        (environment / "module.py").touch()
        (project / ".joinstream" / "module.py").touch()
        (project / "notes.txt").touch()
        write_graph(project, "second")
        server.wait_until_ready()
        assert not child.is_running()
        assert server.log.count("files changed") == 1
        assert "files=['agent.py']" in server.log


async def test_a_server_that_crashes_is_started_again(project: Path) -> None:
    with running_server("dev", folder=project) as server:
        (child,) = children_of(server)
        child.kill()
        server.wait_until_ready()
        assert await answer_of(server.url) == "first"


async def test_nothing_outlives_a_parent_that_was_killed(project: Path) -> None:
    with running_server("dev", folder=project) as server:
        (child,) = children_of(server)
        server.stop(signal.SIGKILL)
        child.wait()
    assert not postgres_runs(project / ".joinstream")


async def test_a_second_signal_ends_it_at_once_though_a_graph_blocks(folder: Path) -> None:
    data = folder / "data"
    with running_server(
        "dev",
        "--no-reload",
        "--data-dir",
        str(data),
        environment={"BG_JOB_SHUTDOWN_GRACE_PERIOD_SECS": "3600"},
    ) as server:
        await start_blocking_run(server.url, folder / "journal")
        server.process.send_signal(signal.SIGTERM)

        async def drains() -> bool:
            server.process.send_signal(signal.SIGTERM)
            return server.process.poll() is not None

        await eventually(drains)
        assert server.process.returncode == 1
    assert not postgres_runs(data)


async def test_dev_uses_the_database_that_is_set(database_uri: str, project: Path) -> None:
    with running_server(
        "dev", "--no-reload", folder=project, environment={"DATABASE_URI": database_uri}
    ) as server:
        assert server.storage == "1 graph, Postgres of DATABASE_URI"
        assert await answer_of(server.url) == "first"
    assert not (project / ".joinstream").exists()


def test_settings_may_come_from_the_projects_own_environment(
    database_uri: str, project: Path
) -> None:
    (project / ".env").write_text(f"DATABASE_URI={database_uri}\n")
    (project / "langgraph.json").write_text(
        '{"graphs": {"agent": "./agent.py:graph"}, "env": ".env"}'
    )
    with running_server("dev", "--no-reload", folder=project) as server:
        assert server.storage == "1 graph, Postgres of DATABASE_URI"


def refusal(*arguments: str, folder: Path, **environment: str) -> str:
    """The one line on stderr of a command that does not start."""
    ended = run(*arguments, folder=folder, environment=environment)
    assert ended.returncode == 1
    assert ended.stdout == ""
    (line,) = ended.stderr.splitlines()
    return line.removeprefix("joinstream: ")


@pytest.mark.parametrize("mode", ["--reload", "--no-reload"])
def test_a_busy_port_is_one_line_with_the_remedy_and_nothing_is_begun(
    project: Path, mode: str
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        line = refusal("dev", mode, "--port", port, folder=project)
    assert line == f"Port {port} is in use: stop what uses it, or choose another with --port."
    assert not (project / ".joinstream").exists()


@pytest.mark.parametrize("mode", ["--reload", "--no-reload"])
def test_a_missing_project_is_one_line(folder: Path, mode: str) -> None:
    assert "langgraph.json does not exist" in refusal("dev", mode, "--port", "0", folder=folder)


def test_a_data_directory_in_use_is_one_line(project: Path) -> None:
    with running_server("dev", "--no-reload", folder=project):
        line = refusal("dev", "--no-reload", "--port", "0", folder=project)
    assert "is in use by another joinstream" in line


def test_a_misspelt_setting_is_one_line(project: Path) -> None:
    line = refusal("dev", "--port", "0", folder=project, JOINSTREAM_LEASE_SECOND="3")
    assert line.endswith("did you mean JOINSTREAM_LEASE_SECONDS?")


def test_keys_that_cannot_be_are_one_line_though_postgres_runs_already(project: Path) -> None:
    line = refusal("dev", "--no-reload", "--port", "0", folder=project, JOINSTREAM_API_KEYS="ann:")
    assert line == "JOINSTREAM_API_KEYS has an item without a name or a key."


def test_the_port_may_come_from_the_environment(project: Path) -> None:
    with running("dev", "--no-reload", folder=project, environment={"PORT": "0"}) as server:
        server.wait_until_ready()
        assert not server.url.endswith(":2024")


async def test_a_graph_that_cannot_be_stopped_does_not_keep_the_server_from_ending(
    folder: Path,
) -> None:
    data = folder / "data"
    with running_server("dev", "--no-reload", "--data-dir", str(data)) as server:
        await start_blocking_run(server.url, folder / "journal")
        assert server.stop() == 1
        assert "ending at once" in server.log
    assert not postgres_runs(data)


@pytest.mark.skipif(os.geteuid() != 0, reason="is about a server started by root")
def test_root_may_start_it_in_a_closed_home_without_opening_it(folder: Path) -> None:
    home = folder / "home"
    home.mkdir()
    (home / "langgraph.json").write_text('{"graphs": {"agent": "./agent.py:graph"}}')
    write_graph(home, "first")
    home.chmod(0o700)
    with running_server("dev", "--no-reload", folder=home) as server:
        where = Path(server.storage.rpartition("data in ")[2])
    try:
        assert where.parent == Path("/var/lib/joinstream")
        assert home.stat().st_mode & 0o777 == 0o700
        assert not (home / ".joinstream").exists()
    finally:
        shutil.rmtree(where)
