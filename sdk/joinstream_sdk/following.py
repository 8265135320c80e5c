"""Following a run from wherever one comes in, for as long as it takes."""

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any
from urllib.parse import quote

import httpx
from langgraph_sdk.client import LangGraphClient
from langgraph_sdk.errors import APIStatusError, NotFoundError
from langgraph_sdk.schema import StreamPart

FROM_THE_START = "-1"
"""As `last_event_id`: every event of the run that the server still has."""

_STATUS_OF_A_RESTART = (429, 502, 503, 504)
_FIRST_PAUSE_SECONDS = 0.25
_LONGEST_PAUSE_SECONDS = 5.0


async def follow(
    client: LangGraphClient,
    thread_id: str | None,
    run_id: str,
    *,
    stream_mode: str | Sequence[str] | None = None,
    last_event_id: str | None = None,
    patience: float = 300.0,
) -> AsyncGenerator[StreamPart, None]:
    """The thread's current state as a `values` event, then every later event of the run.

    It ends with the run; its last event is `end`, `{"run_id": …, "status": …}`. When a connection
    is cut or the server restarts, it goes on where it was, in order, without a gap and without a
    duplicate. Should the server no longer have what was missed, there is a `gap` event in its
    place, `{"from": …, "to": …}`, and the current state after it.

    - The state is read once the stream is open. What the run did before is in the state, except
      for what it had not saved yet: the superstep it was in, and with `durability="exit"` all of
      it. What it does afterwards comes as events; the state may hold some of that already.
    - `stream_mode` picks from the modes that the run was created with; None is all of them.
    - With `last_event_id` there is no state; events go on after that one. `FROM_THE_START` gives
      the whole run. A stateless run, `thread_id` None, is followed from its start unless told
      otherwise.
    - `patience` is for how many seconds it tries to come back to a server that does not answer.

    Raises NotFoundError for a run that does not exist, or no longer does; what the client raises
    when the server cannot be reached to begin with; and the same once patience is at its end.
    """
    position = last_event_id or (FROM_THE_START if thread_id is None else None)
    stream = _RunStream(client, thread_id, run_id, stream_mode, position)
    state_is_due = position is None
    is_over = False
    retry = _Retry(patience)
    while True:
        parts = stream.with_state_first() if state_is_due else stream.connect()
        try:
            async with aclosing(parts):
                async for part in parts:
                    state_is_due = False
                    retry.progressed()
                    yield part
                    if part.event == "end":
                        return
            if is_over:
                return
            # Without an `end` nobody knows whether this was all. Once more, after the run is over.
            is_over = not await stream.run_is_active()
            cause: Exception = httpx.ReadError("the server closed the stream without its end")
        except (httpx.TransportError, APIStatusError) as error:
            if not (stream.has_been_open and _may_pass(error)):
                raise
            cause = error
        await retry.pause(cause, reached=stream.is_open.is_set() and not state_is_due)
        if stream.position is None and not state_is_due:
            # Nobody can say what was missed meanwhile; the state replaces it.
            yield StreamPart("gap", {"from": None, "to": None})
            state_is_due = True


class _RunStream:
    """A run's stream, over one connection after another.

    `position` is the id to go on after; None before anything is known of it. `is_open` says of the
    latest connection whether the server has begun to answer.
    """

    def __init__(
        self,
        client: LangGraphClient,
        thread_id: str | None,
        run_id: str,
        stream_mode: str | Sequence[str] | None,
        position: str | None,
    ) -> None:
        self._client = client
        self._thread_id = thread_id
        thread = "" if thread_id is None else f"/threads/{quote(thread_id, safe='')}"
        self._run_path = f"{thread}/runs/{quote(run_id, safe='')}"
        self._params = {"stream_mode": stream_mode} if stream_mode else None
        self.position = position
        self.is_open = asyncio.Event()
        self.has_been_open = False

    async def connect(self) -> AsyncGenerator[StreamPart, None]:
        """Events until the connection ends, or is cut (raises)."""
        self.is_open.clear()
        async for part in self._client.http.stream(
            f"{self._run_path}/stream",
            "GET",
            params=self._params,
            headers={"Last-Event-ID": self.position} if self.position else None,
            on_response=self._on_response,
        ):
            self.position = part.id or self.position
            yield part

    async def with_state_first(self) -> AsyncGenerator[StreamPart, None]:
        """As `connect`, with the thread's state, read after the stream has opened."""
        async with aclosing(self.connect()) as parts:
            first = asyncio.create_task(_next_part(parts))
            try:
                await self._opened(first)
                state = await self._state()
                if state is not None:
                    yield state
                if (part := await first) is not None:
                    yield part
            finally:
                first.cancel()
                await asyncio.gather(first, return_exceptions=True)
            async for part in parts:
                yield part

    async def run_is_active(self) -> bool:
        """Whether there is more to come. Raises NotFoundError when the run is gone."""
        run = await self._client.http.get(self._run_path)
        return run["status"] in ("pending", "running")

    def _on_response(self, response: httpx.Response) -> None:
        # By itself the client would come back to this address without the modes asked for, and,
        # as long as there was no event, without a position.
        response.headers.pop("location", None)
        if response.is_success:
            self.position = self.position or response.headers.get("x-stream-position")
            self.is_open.set()
            self.has_been_open = True

    async def _opened(self, first: asyncio.Task[StreamPart | None]) -> None:
        """Wait for the response to begin. Raises what made it fail."""
        opening = asyncio.create_task(self.is_open.wait())
        try:
            await asyncio.wait((opening, first), return_when=asyncio.FIRST_COMPLETED)
        finally:
            opening.cancel()
        if first.done():
            first.result()

    async def _state(self) -> StreamPart | None:
        assert self._thread_id is not None
        try:
            state: Any = await self._client.threads.get_state(self._thread_id)
        except NotFoundError:
            return None
        has_one = (state.get("checkpoint") or {}).get("checkpoint_id") is not None
        return StreamPart("values", state["values"]) if has_one else None


class _Retry:
    """Pauses that grow until there is progress, as long as the server is not away for too long."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._next_pause = _FIRST_PAUSE_SECONDS
        self._reached_at = asyncio.get_running_loop().time()

    def progressed(self) -> None:
        self._next_pause = _FIRST_PAUSE_SECONDS

    async def pause(self, cause: Exception, *, reached: bool) -> None:
        """Raises `cause` when the server was last `reached` too long ago."""
        now = asyncio.get_running_loop().time()
        if reached:
            self._reached_at = now
        elif now - self._reached_at > self._patience:
            raise cause
        await asyncio.sleep(self._next_pause * random.uniform(0.75, 1.25))
        self._next_pause = min(self._next_pause * 2, _LONGEST_PAUSE_SECONDS)


def _may_pass(error: Exception) -> bool:
    """Whether this is what a restart looks like, or a proxy whose server is away."""
    return not isinstance(error, APIStatusError) or error.status_code in _STATUS_OF_A_RESTART


async def _next_part(parts: AsyncIterator[StreamPart]) -> StreamPart | None:
    return await anext(parts, None)
