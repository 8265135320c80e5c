"""How our event loops begin and end."""

import asyncio
import sys
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeVar

T = TypeVar("T")


def run_loop(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in a new event loop of this thread.

    Unlike `asyncio.run`, this does not wait for threads of the default executor: a graph's blocking
    node cannot be stopped, and must not keep us from ending.
    """
    loop = _new_loop()
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(main)
    finally:
        loop.run_until_complete(_cancel_everything())
        loop.run_until_complete(loop.shutdown_asyncgens())
        asyncio.set_event_loop(None)
        loop.close()


async def result_unless(task: asyncio.Task[T], other: Coroutine[Any, Any, object]) -> T | None:
    """The task's result, or None when `other` came first. The task goes on, `other` does not."""
    waiting = asyncio.ensure_future(other)
    try:
        await asyncio.wait((task, waiting), return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
    return task.result() if task.done() else None


async def within(seconds: float, other: Coroutine[Any, Any, object]) -> bool:
    """Whether `other` came to its end in time."""
    try:
        async with asyncio.timeout(seconds):
            await other
    except TimeoutError:
        return False
    return True


@asynccontextmanager
async def on_another_thread(
    open_context: Callable[[], AbstractAsyncContextManager[T]], name: str
) -> AsyncIterator[T]:
    """Enter a context in a thread with a loop of its own, and leave it there after the body.

    What entering or leaving raises is raised here.
    """
    here = asyncio.get_running_loop()
    entered: asyncio.Future[T] = here.create_future()
    ended: asyncio.Future[None] = here.create_future()
    leave = _ThreadsafeEvent()

    async def live() -> None:
        leave.bind()
        async with open_context() as value:
            here.call_soon_threadsafe(_settle, entered, value, None)
            await leave.wait()

    def run() -> None:
        error: BaseException | None = None
        try:
            run_loop(live())
        except BaseException as raised:
            error = raised
        here.call_soon_threadsafe(_settle, ended, None, error)

    threading.Thread(target=run, name=name, daemon=True).start()
    await asyncio.wait((entered, ended), return_when=asyncio.FIRST_COMPLETED)
    if ended.done():
        ended.result()
    try:
        yield entered.result()
    finally:
        leave.set()
        await ended


class _ThreadsafeEvent:
    """An event awaited in one loop and set from other threads."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def bind(self) -> None:
        self._loop = asyncio.get_running_loop()

    async def wait(self) -> None:
        await self._event.wait()

    def set(self) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._event.set)


def _settle(future: asyncio.Future[T], value: T, error: BaseException | None) -> None:
    if error is None:
        future.set_result(value)
    else:
        future.set_exception(error)


def _new_loop() -> asyncio.AbstractEventLoop:
    if sys.platform == "win32":
        return asyncio.new_event_loop()
    import uvloop

    return uvloop.new_event_loop()


async def _cancel_everything() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
