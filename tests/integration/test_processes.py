"""Children, their supervision, and the loops and sockets of our processes."""

import asyncio
import os
import signal
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from joinstream.errors import StartupError
from joinstream.processes import child as child_module
from joinstream.processes.child import Child, start_child
from joinstream.processes.dev_options import DevOptions
from joinstream.processes.listening import listen, url_of
from joinstream.processes.loops import on_another_thread, run_loop
from joinstream.processes.preparation import settings_of
from joinstream.processes.ready_line import say_ready
from joinstream.processes.stop_signals import StopSignals
from joinstream.processes.supervise import keep_alive
from joinstream.project import load_project
from tests.support.api import TENANTS, TEST_GRAPHS
from tests.support.waiting import eventually

PROGRAMS = "tests.support.child_programs"


class Journal:
    """Where children of a test write down that they run, and how to start one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.children: list[Child] = []

    async def start(self, verb: str = "wait") -> Child:
        child = await start_child(PROGRAMS, {"verb": verb, "journal": str(self._path)})
        self.children.append(child)
        return child

    async def starts(self, count: int) -> None:
        async def enough() -> bool:
            return self._path.exists() and len(self._path.read_text().splitlines()) >= count

        await eventually(enough)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal")


async def ready(child: Child) -> None:
    async def was_ready() -> bool:
        return child.was_ready

    await eventually(was_ready)


async def test_a_child_says_when_it_is_ready_and_ends_when_asked(journal: Journal) -> None:
    child = await journal.start()
    assert not child.was_ready
    await ready(child)
    await child.stop(60, StopSignals())
    assert child.ending.result() == -signal.SIGTERM


async def test_a_child_that_ends_before_it_is_ready_is_known_by_its_exit_code(
    journal: Journal,
) -> None:
    child = await journal.start("exit")
    assert await child.ending == 7
    assert not child.was_ready


async def test_a_child_that_does_not_end_is_killed_after_its_grace_period(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child_module, "KILL_AFTER_SECONDS", 0.05)
    child = await journal.start("stubborn")
    await ready(child)
    await child.stop(0.05, StopSignals())
    assert child.ending.result() == -signal.SIGKILL


async def test_a_child_that_does_not_end_is_killed_soon_when_it_becomes_urgent(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child_module, "URGENT_SECONDS", 0.05)
    child = await journal.start("stubborn")
    await ready(child)
    signals = StopSignals()
    stopping = asyncio.create_task(child.stop(3600, signals))
    signals.request()
    signals.request()
    await stopping
    assert child.ending.result() == -signal.SIGKILL


async def test_ctrl_c_in_the_terminal_leaves_children_to_their_parent(journal: Journal) -> None:
    child = await journal.start()
    await ready(child)
    os.kill(child.pid, signal.SIGINT)
    await child.stop(60, StopSignals())
    assert child.ending.result() == -signal.SIGTERM


async def test_a_child_that_dies_is_started_again_until_a_stop(journal: Journal) -> None:
    signals = StopSignals()
    keeping = asyncio.create_task(
        keep_alive("test", journal.start, signals, grace_seconds=60, first_pause_seconds=0.01)
    )
    for life in range(1, 4):
        await journal.starts(life)
        if life < 3:
            os.kill(journal.children[-1].pid, signal.SIGKILL)
    signals.request()
    await keeping
    assert len(journal.children) == 3
    assert all(child.ending.done() for child in journal.children)


async def test_a_child_that_cannot_start_is_tried_at_growing_intervals(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []

    async def note_pause(seconds: float, other: object) -> bool:
        pauses.append(seconds)
        asyncio.ensure_future(other).cancel()  # type: ignore[call-overload]  # any coroutine
        if len(pauses) == 4:
            signals.request()
        return False

    monkeypatch.setattr("joinstream.processes.supervise.within", note_pause)
    signals = StopSignals()
    await keep_alive(
        "test", lambda: journal.start("exit"), signals, grace_seconds=60, first_pause_seconds=8
    )
    assert pauses == [8, 16, 30, 30]


def test_the_first_signal_asks_to_stop_and_the_second_to_stop_now() -> None:
    async def main() -> None:
        signals = StopSignals()
        signals.listen(signal.SIGUSR1)
        os.kill(os.getpid(), signal.SIGUSR1)
        await signals.requested.wait()
        assert not signals.urgent.is_set()
        os.kill(os.getpid(), signal.SIGUSR1)
        await signals.urgent.wait()

    with asyncio.Runner() as runner:
        runner.run(main())


async def test_a_context_on_another_thread_lives_in_a_loop_of_its_own() -> None:
    life: list[tuple[str, threading.Thread]] = []

    @asynccontextmanager
    async def context() -> AsyncIterator[asyncio.AbstractEventLoop]:
        life.append(("entered", threading.current_thread()))
        yield asyncio.get_running_loop()
        life.append(("left", threading.current_thread()))

    async with on_another_thread(context, "other") as loop:
        assert loop is not asyncio.get_running_loop()
        assert [what for what, _ in life] == ["entered"]
    assert [what for what, _ in life] == ["entered", "left"]
    assert {thread.name for _, thread in life} == {"other"}
    assert loop.is_closed()


async def test_what_a_context_on_another_thread_raises_is_raised_here() -> None:
    @asynccontextmanager
    async def cannot_enter() -> AsyncIterator[None]:
        raise StartupError("no")
        yield

    @asynccontextmanager
    async def cannot_leave() -> AsyncIterator[None]:
        yield
        raise StartupError("stuck")

    with pytest.raises(StartupError, match="no"):
        async with on_another_thread(cannot_enter, "other"):
            pass
    with pytest.raises(StartupError, match="stuck"):
        async with on_another_thread(cannot_leave, "other"):
            pass


def test_a_loop_ends_although_a_blocking_call_in_a_thread_goes_on() -> None:
    go_on = threading.Event()
    ended = threading.Event()

    async def main() -> None:
        asyncio.get_running_loop().run_in_executor(None, go_on.wait)

    def run() -> None:
        run_loop(main())
        ended.set()

    threading.Thread(target=run).start()
    ended.wait()
    assert not go_on.is_set()
    go_on.set()


def test_port_0_takes_a_free_port_and_the_real_one_is_known() -> None:
    with listen("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        assert url_of(listener) == f"http://127.0.0.1:{port}"
        with socket.create_connection(("127.0.0.1", port)):
            pass


def test_an_address_for_all_interfaces_is_shown_as_one_that_can_be_opened() -> None:
    with listen("0.0.0.0", 0) as listener:
        assert url_of(listener) == f"http://localhost:{listener.getsockname()[1]}"


@pytest.mark.parametrize(
    ("host", "config", "keys", "warned"),
    [
        ("127.0.0.1", TEST_GRAPHS, None, False),
        ("0.0.0.0", TEST_GRAPHS, None, True),
        ("0.0.0.0", TEST_GRAPHS, "ann:secret", False),
        ("0.0.0.0", TENANTS, None, False),
    ],
)
def test_a_server_that_others_reach_and_that_asks_nobody_who_they_are_says_so(
    host: str, config: Path, keys: str | None, warned: bool
) -> None:
    settings = settings_of(config, api_keys=keys)
    with listen(host, 0) as listener, capture_logs() as logs:
        say_ready(listener, settings, load_project(config), "1 worker")
    assert any("JOINSTREAM_API_KEYS" in each["event"] for each in logs) == warned


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
def test_an_ipv6_address_is_shown_in_brackets() -> None:
    with listen("::1", 0) as listener:
        assert url_of(listener).startswith("http://[::1]:")


@pytest.mark.parametrize("host", ["no.such.host.invalid", "192.0.2.1"])
def test_an_address_that_is_not_ours_is_refused_in_one_line(host: str) -> None:
    with pytest.raises(StartupError, match="is no address of this machine: use --host") as caught:
        listen(host, 0)
    assert "\n" not in str(caught.value)


def test_the_options_of_dev_reach_its_child_unchanged() -> None:
    options = DevOptions(Path("a/langgraph.json"), Path("data"), 3)
    assert DevOptions.from_json(options.to_json()) == options
