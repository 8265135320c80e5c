"""Keeps a graph's SystemExit and KeyboardInterrupt away from the worker's event loop.

asyncio re-raises these two through `run_forever`, which would end every run of the worker. A task
factory wraps each coroutine, so that they become an ordinary error of the task that raised them.
"""

import asyncio
from collections.abc import Coroutine, Generator
from typing import Any


class GraphExit(RuntimeError):
    """A node asked the interpreter to exit; only its run ends."""


async def _guarded(coroutine: Coroutine[Any, Any, Any]) -> Any:
    try:
        return await coroutine
    except (SystemExit, KeyboardInterrupt) as error:
        raise GraphExit(f"a node raised {type(error).__name__}: {error}") from error


def guard_tasks(loop: asyncio.AbstractEventLoop) -> None:
    """Make every task of the loop a guarded one."""

    def factory(
        loop: asyncio.AbstractEventLoop,
        coroutine: Coroutine[Any, Any, Any] | Generator[Any, None, Any],
        **arguments: Any,
    ) -> asyncio.Task[Any]:
        guarded = _guarded(coroutine) if isinstance(coroutine, Coroutine) else coroutine
        return asyncio.Task(guarded, loop=loop, **arguments)

    loop.set_task_factory(factory)
