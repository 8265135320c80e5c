"""A saver may be used from any thread and event loop: it works on the loop it was made on."""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, cast

P = ParamSpec("P")
T = TypeVar("T")


class HasHome(Protocol):
    """Something whose coroutines have to run on one event loop."""

    home: asyncio.AbstractEventLoop


S = TypeVar("S", bound=HasHome)


def at_home(
    method: Callable[Concatenate[S, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[S, P], Coroutine[Any, Any, T]]:
    """A method that moves to the home loop when called on another one."""

    @wraps(method)
    async def moving(self: S, *args: P.args, **kwargs: P.kwargs) -> T:
        coroutine = method(self, *args, **kwargs)
        if asyncio.get_running_loop() is self.home:
            return await coroutine
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(coroutine, self.home))

    return cast(Callable[Concatenate[S, P], Coroutine[Any, Any, T]], moving)


async def ids_to_be_given() -> None:
    """Let the graph give ids to the messages that it has just handed over to be stored.

    From Python 3.12 on LangGraph begins to store what a task wrote before it has applied it. Stored
    then, a message would have another id, or none, than in the checkpoint that follows. Before,
    storing began a pass of the event loop later, and that is late enough.
    """
    if sys.version_info >= (3, 12):
        await asyncio.sleep(0)


def from_other_thread(home: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, T]) -> T:
    """Run on the home loop and wait. Raises RuntimeError on that loop's own thread."""
    try:
        running = asyncio.get_running_loop()
    except RuntimeError:
        running = None
    if running is home:
        coroutine.close()
        raise RuntimeError(
            "The checkpointer's synchronous methods would block the event loop they need. Call "
            "the graph with ainvoke, astream or aget_state here, or from another thread."
        )
    return asyncio.run_coroutine_threadsafe(coroutine, home).result()
