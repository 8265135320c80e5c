"""Reading streams as clients do: through the official SDK, and byte by byte."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from langgraph_sdk.client import LangGraphClient
from langgraph_sdk.schema import StreamPart

from joinstream.domain.events import EventId


async def collect(stream: AsyncIterator[StreamPart]) -> list[StreamPart]:
    return [part async for part in stream]


def ids_of(parts: Sequence[StreamPart]) -> list[EventId]:
    """The ids of the parts that have one."""
    return [EventId.parse(part.id) for part in parts if part.id]


def without_waiting(parts: Sequence[StreamPart]) -> list[StreamPart]:
    """All but where the run stood before it began, which depends on the machine."""
    return [part for part in parts if part.event != "queue"]


def names_of(parts: Sequence[StreamPart]) -> list[str]:
    return [part.event for part in without_waiting(parts)]


def datas_of(parts: Sequence[StreamPart], name: str) -> list[Any]:
    """The data of all events of this name."""
    return [part.data for part in parts if part.event == name]


def assert_gapless(parts: Sequence[StreamPart]) -> None:
    """In order, nothing twice, nothing missing unless a `gap` says so, and ended by `end`.

    Within an attempt, numbers go up by one; a later attempt begins again at 0. Events that an API
    process makes itself have no id; the official client gives them that of the event before.
    """
    assert parts[-1].event == "end"
    announced = False
    last: EventId | None = None
    for part in parts:
        id = EventId.parse(part.id) if part.id else None
        announced = announced or part.event == "gap"
        if id is None or (id == last and (announced or part.event == "end")):
            continue
        assert last is None or id > last, f"{id} came after {last}"
        follows = last is None or id == (last.epoch, last.k + 1) or id.k == 0
        assert follows or announced, f"{id} came after {last}, and no gap was announced"
        last, announced = id, False


class Listener:
    """Collects a stream in the background. Make it with `listen`."""

    def __init__(self, stream: AsyncIterator[StreamPart]) -> None:
        self.parts: list[StreamPart] = []
        self._began = asyncio.Event()
        self._task = asyncio.create_task(self._collect(stream))

    async def all(self) -> list[StreamPart]:
        """Everything, once the stream has ended."""
        await self._task
        return self.parts

    async def began(self) -> None:
        """Return once an event of the run has come; raises what the stream raised instead."""
        waiting = asyncio.create_task(self._began.wait())
        await asyncio.wait((waiting, self._task), return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done():
            waiting.cancel()
            self._task.result()

    async def _collect(self, stream: AsyncIterator[StreamPart]) -> None:
        async for part in stream:
            self.parts.append(part)
            if part.event != "queue":
                self._began.set()


async def listen(client: LangGraphClient, thread_id: str, run_id: str) -> Listener:
    """Follow a run from its start; it has begun to listen when this returns."""
    listener = Listener(client.runs.join_stream(thread_id, run_id, last_event_id="-1"))
    await listener.began()
    return listener


@dataclass(frozen=True)
class Frame:
    """One server-sent event as text: its lines, without the empty one that ends it."""

    lines: tuple[str, ...]

    def field(self, name: str) -> str | None:
        for line in self.lines:
            if line.startswith(f"{name}: "):
                return line.removeprefix(f"{name}: ")
        return None


@asynccontextmanager
async def raw_stream(
    http: httpx.AsyncClient, method: str, path: str, **request: Any
) -> AsyncIterator[tuple[httpx.Response, AsyncIterator[Frame]]]:
    """A response whose events are read as they come, split at blank lines alone."""
    async with http.stream(method, path, **request) as response:
        yield response, _frames(response)


async def _frames(response: httpx.Response) -> AsyncIterator[Frame]:
    text = ""
    async for chunk in response.aiter_text():
        text += chunk
        *whole, text = text.split("\n\n")
        for frame in whole:
            yield Frame(tuple(frame.split("\n")))
