"""Requests that wait for their runs, and take them with them when they go."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Generic, TypeVar

import anyio
from starlette.requests import Request

from joinstream.errors import ClientLeft, Unavailable
from joinstream.http.run_streams import cancel_abandoned
from joinstream.http.sse import OpenStreams
from joinstream.services.run_streams import RunStream

T = TypeVar("T")


async def wait_for_end(
    request: Request, stream: RunStream, *, cancel_on_disconnect: bool = True
) -> None:
    """Wait until the run is over. Raises what `Foreground.attend` raises."""
    foreground = Foreground(request, stream, cancel_on_disconnect=cancel_on_disconnect)
    await foreground.attend(foreground.end_of(stream))


class Foreground:
    """The runs that one request waits for.

    Those that are not over when it stops waiting are cancelled, whatever the reason, unless
    somebody comes back for them.
    """

    def __init__(
        self, request: Request, *streams: RunStream, cancel_on_disconnect: bool = True
    ) -> None:
        self._request = request
        self._streams = list(streams)
        self._creations: list[asyncio.Task[RunStream]] = []
        self._cancels = cancel_on_disconnect

    async def create(self, creating: Coroutine[Any, Any, RunStream]) -> RunStream:
        """Create one more run, as a part of what is attended.

        That is never given up half-way, for there might be a run then that nobody knows of.
        """
        creation = asyncio.create_task(creating)
        self._creations.append(creation)
        stream = await asyncio.shield(creation)
        self._creations.remove(creation)
        self._streams.append(stream)
        return stream

    async def end_of(self, stream: RunStream) -> None:
        """Wait until the run is over, as a part of what is attended."""
        async for _ in stream.items:
            pass
        self._streams.remove(stream)
        await stream.close()

    async def attend(self, work: Coroutine[Any, Any, T]) -> T:
        """Do the work, for as long as its client waits.

        Raises ClientLeft when that has left, and Unavailable when the server stops.
        """
        attended = _Attended(asyncio.create_task(work))
        left = asyncio.ensure_future(_departure(self._request))
        open_streams: OpenStreams = self._request.app.state.open_streams
        open_streams.add(attended)
        try:
            await asyncio.wait({attended.work, left}, return_when=asyncio.FIRST_COMPLETED)
            is_done = attended.work.done() and not attended.work.cancelled()
            has_left = left.done()
        finally:
            open_streams.remove(attended)
            # a middleware that gives us up cancels whatever we await, again and again
            with anyio.CancelScope(shield=True):
                await _give_up(attended.work, left)
                await self._abandon()
        if is_done:
            return attended.work.result()
        raise (
            ClientLeft("The client has left.")
            if has_left
            else Unavailable("The server is stopping. Ask again.")
        )

    async def _abandon(self) -> None:
        created = await asyncio.gather(*self._creations, return_exceptions=True)
        self._streams += [each for each in created if isinstance(each, RunStream)]
        for stream in self._streams:
            await stream.close()
        for stream in self._streams if self._cancels else ():
            await cancel_abandoned(self._request, stream.run)


class _Attended(Generic[T]):
    """What the server's stop interrupts."""

    def __init__(self, work: "asyncio.Task[T]") -> None:
        self.work = work

    def interrupt(self) -> None:
        self.work.cancel()


async def _departure(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _give_up(*tasks: "asyncio.Future[Any]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
