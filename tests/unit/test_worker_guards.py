"""What keeps one graph from harming the worker it executes on."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, MutableMapping
from typing import Any

import pytest
import structlog

from joinstream.domain.run_record import Run
from joinstream.errors import RunInterrupted, RunTimedOut
from joinstream.worker.active_run import ActiveRun
from joinstream.worker.guards import GraphExit, guard_tasks
from joinstream.worker.watchdog import LoopWatchdog


def in_guarded_loop(main: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """Run in a loop of its own, like a worker's."""

    async def guarded() -> Any:
        guard_tasks(asyncio.get_running_loop())
        return await main()

    with asyncio.Runner() as runner:
        return runner.run(guarded())


@pytest.mark.parametrize("poison", [SystemExit(3), KeyboardInterrupt()])
def test_a_task_that_asks_to_exit_fails_alone(poison: BaseException) -> None:
    async def poisonous() -> None:
        raise poison

    async def neighbour() -> str:
        await asyncio.sleep(0)
        return "unharmed"

    async def main() -> None:
        bad, good = asyncio.create_task(poisonous()), asyncio.create_task(neighbour())
        with pytest.raises(GraphExit, match=type(poison).__name__):
            await bad
        assert await good == "unharmed"

    in_guarded_loop(main)


def run_stub() -> Run:
    """An ActiveRun never looks into its run."""
    return object.__new__(Run)


async def test_a_stopped_run_is_waited_for_while_it_cleans_up() -> None:
    cleaned = asyncio.Event()

    async def graph() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)
            cleaned.set()

    active = ActiveRun(run_stub())
    execution = asyncio.create_task(graph())
    active.executes_in(execution)
    await asyncio.sleep(0)
    active.stop(RunInterrupted("enough"))
    await active.wait_until_over(execution, timeout=60, grace=60)
    assert cleaned.is_set()


async def test_a_run_that_ignores_its_cancellation_is_left_behind() -> None:
    release = asyncio.Event()

    async def stubborn() -> None:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    active = ActiveRun(run_stub())
    execution = asyncio.create_task(stubborn())
    active.executes_in(execution)
    await asyncio.sleep(0)
    active.stop(RunInterrupted("enough"))
    with structlog.testing.capture_logs() as logs:
        await active.wait_until_over(execution, timeout=60, grace=0.01)
    assert not execution.done()
    assert "ignores its cancellation" in logs[0]["event"]
    release.set()
    await execution


async def test_a_run_that_takes_too_long_is_stopped_and_the_first_reason_counts() -> None:
    active = ActiveRun(run_stub())
    execution = asyncio.create_task(asyncio.sleep(60))
    active.executes_in(execution)
    await active.wait_until_over(execution, timeout=0.01, grace=60)
    active.stop(RunInterrupted("too late"))
    assert isinstance(active.stop_reason, RunTimedOut)
    assert execution.cancelled()


async def test_a_run_stopped_before_it_executes_is_cancelled_at_once() -> None:
    active = ActiveRun(run_stub())
    active.stop(RunInterrupted("early"))
    execution = asyncio.create_task(asyncio.sleep(60))
    active.executes_in(execution)
    await active.wait_until_over(execution, timeout=60, grace=60)
    assert execution.cancelled()


def test_a_blocked_loop_is_reported_with_the_line_that_blocks_it() -> None:
    reported = threading.Event()
    lines: list[str] = []

    def collect(_: Any, __: str, event: MutableMapping[str, Any]) -> dict[str, Any]:
        if "stack" in event:
            lines.append(event["stack"])
            reported.set()
        raise structlog.DropEvent

    async def main() -> None:
        gave_up = threading.Event()
        watchdog = LoopWatchdog(
            asyncio.get_running_loop(), warn_after=0.6, give_up_after=1.5, give_up=gave_up.set
        )
        watchdog.start()
        the_blocking_call(lambda: reported.is_set() and gave_up.is_set())
        watchdog.stop()

    before = structlog.get_config()
    structlog.configure(processors=[collect])
    try:
        asyncio.run(main())
    finally:
        structlog.configure(**before)
    assert "the_blocking_call" in lines[0]


def the_blocking_call(over: Callable[[], bool]) -> None:
    while not over():
        time.sleep(0.01)
