"""What a process tells those who watch it, over its backends."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

from joinstream.backends import Backends
from joinstream.errors import Unavailable
from joinstream.services import Vitals
from joinstream.services.figures import Figures
from joinstream.services.health import PROBE_SECONDS, Health

T = TypeVar("T")


def make_vitals(backends: Backends, home: asyncio.AbstractEventLoop | None = None) -> Vitals:
    """`home` is the backends' event loop, when it is another one that will ask."""

    def asking(question: Callable[[], Awaitable[T]]) -> Callable[[], Awaitable[T]]:
        return question if home is None else partial(_asked_at_home, home, question)

    return Vitals(
        Health(
            {
                "database": asking(lambda: backends.database.execute("select 1")),
                "streams": asking(backends.bus.events.check),
            }
        ),
        Figures(asking(backends.runs.figures)),
    )


async def _asked_at_home(
    home: asyncio.AbstractEventLoop, question: Callable[[], Awaitable[T]]
) -> T:
    """The answer of another loop. Raises Unavailable when that is blocked, by a graph perhaps."""

    async def asked() -> T:
        return await question()

    answer = asyncio.wrap_future(asyncio.run_coroutine_threadsafe(asked(), home))
    try:
        return await asyncio.wait_for(answer, PROBE_SECONDS)
    except TimeoutError:
        raise Unavailable(f"The event loop did not answer within {PROBE_SECONDS:g} s.") from None
