"""A thread's events as a client of the protocol that does no more than read them."""

import json
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import httpx

ALL = (
    "values",
    "updates",
    "messages",
    "tools",
    "custom",
    "lifecycle",
    "input",
    "tasks",
    "checkpoints",
)
"""Every channel."""

Event = dict[str, Any]

_ENDINGS = ("completed", "failed", "interrupted")


class EventReader:
    """Reads envelopes, one by one or up to a certain one."""

    def __init__(self, response: httpx.Response) -> None:
        self._lines = response.aiter_lines()
        self._events = self._read()

    async def next(self) -> Event:
        return await anext(self._events)

    async def heartbeat(self) -> None:
        """Wait for the first one. There must be no event before: the past has been told then."""
        while not (line := await anext(self._lines)).startswith(":"):
            assert not line, line

    async def to_the_end(self, runs: int = 1) -> list[Event]:
        """All events up to the last one that says how a run ended, of so many runs."""
        seen: list[Event] = []
        while runs:
            seen.append(await self.next())
            runs -= ends_run(seen[-1])
        return seen

    async def _read(self) -> AsyncIterator[Event]:
        async for line in self._lines:
            if line.startswith("data: "):
                yield json.loads(line.removeprefix("data: "))


@asynccontextmanager
async def watching(
    http: httpx.AsyncClient, thread_id: str, *channels: str, **more: Any
) -> AsyncIterator[EventReader]:
    """Follow a thread; no channel named: all of them."""
    body = {"channels": channels or ALL, **more}
    path = f"/threads/{thread_id}/stream/events"
    async with http.stream("POST", path, json=body) as response:
        assert response.status_code == 200, await response.aread()
        yield EventReader(response)


async def command(http: httpx.AsyncClient, thread_id: str, method: str, **params: Any) -> Event:
    """What the server answers to a command."""
    body = {"id": 7, "method": method, "params": params}
    answer = await http.post(f"/threads/{thread_id}/commands", json=body)
    assert answer.status_code == 200, answer.text
    answered: Event = answer.json()
    assert answered["id"] == 7
    return answered


async def start(
    http: httpx.AsyncClient, graph: str, given: Any, thread_id: str | None = None, **more: Any
) -> tuple[str, str]:
    """Start a run by command, on a new thread unless one is named: (thread id, run id)."""
    thread_id = thread_id or str(uuid4())
    answer = await command(http, thread_id, "run.start", assistant_id=graph, input=given, **more)
    assert answer["type"] == "success", answer
    return thread_id, answer["result"]["run_id"]


async def assert_known(http: httpx.AsyncClient, methods: Iterable[str]) -> None:
    """Each is carried out, or refused for what it lacks, or because this server does not do it."""
    thread_id, _ = await start(http, "echo", {"text": "hi"})
    for method in methods:
        answer = await command(http, thread_id, method)
        known = ("invalid_argument", "not_supported", None)
        assert answer.get("error") in known, f"{method}: {answer}"


def ends_run(event: Event) -> bool:
    return lifecycle_of(event) in _ENDINGS


def lifecycle_of(event: Event) -> str | None:
    """What it says has become of a whole run; None when it says something else."""
    if event.get("method") != "lifecycle" or event["params"]["namespace"]:
        return None
    become: str = event["params"]["data"]["event"]
    return become


def lives_of(events: Sequence[Event]) -> list[tuple[str, str]]:
    """Which run became what, as the names of the events say: (run id, what)."""
    return [
        (event["event_id"].split(":")[1], become)
        for event in events
        if (become := lifecycle_of(event)) is not None
    ]


def of_method(events: Sequence[Event], method: str, namespace: Sequence[str] = ()) -> list[Any]:
    """The data of one method's events in one graph."""
    return [
        event["params"]["data"]
        for event in events
        if event["method"] == method and event["params"]["namespace"] == list(namespace)
    ]


def seqs_of(events: Sequence[Event]) -> list[int]:
    return [event["seq"] for event in events]


def names_of(events: Sequence[Event]) -> list[str]:
    return [event["event_id"] for event in events]
