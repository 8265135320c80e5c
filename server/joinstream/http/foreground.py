"""Requests that wait for their run, and take it with them when they go."""

import asyncio
from typing import Any

import anyio
from starlette.requests import Request

from joinstream.errors import ClientLeft, Unavailable
from joinstream.http.run_streams import cancel_abandoned
from joinstream.http.sse import OpenStreams
from joinstream.services.run_streams import RunStream


async def wait_for_end(
    request: Request, stream: RunStream, *, cancel_on_disconnect: bool = True
) -> None:
    """Wait until the run is over.

    Raises ClientLeft when its client leaves, and Unavailable when the server stops. Upon both the
    run is cancelled, unless somebody comes back for it.
    """
    waiting = _Waiting(asyncio.ensure_future(_drain(stream)))
    left = asyncio.ensure_future(_departure(request))
    open_streams: OpenStreams = request.app.state.open_streams
    open_streams.add(waiting)
    try:
        await asyncio.wait({waiting.for_end, left}, return_when=asyncio.FIRST_COMPLETED)
        is_over = waiting.for_end.done() and not waiting.for_end.cancelled()
        has_left = left.done()
    except asyncio.CancelledError:
        is_over = False
        raise
    finally:
        open_streams.remove(waiting)
        # a middleware that gives us up cancels whatever we await, again and again
        with anyio.CancelScope(shield=True):
            await _give_up(waiting.for_end, left)
            await stream.close()
            if cancel_on_disconnect and not is_over:
                await cancel_abandoned(request, stream.run)
    if is_over:
        waiting.for_end.result()
    else:
        raise (
            ClientLeft("The client has left.")
            if has_left
            else Unavailable("The server is stopping. Ask again.")
        )


class _Waiting:
    """What the server's stop interrupts."""

    def __init__(self, for_end: "asyncio.Future[None]") -> None:
        self.for_end = for_end

    def interrupt(self) -> None:
        self.for_end.cancel()


async def _drain(stream: RunStream) -> None:
    async for _ in stream.items:
        pass


async def _departure(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _give_up(*tasks: "asyncio.Future[Any]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
