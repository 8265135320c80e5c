"""Workers that die while they answer clients of OpenAI."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI

from tests.support.held import TEXT, Held
from tests.support.openai import openai_to, order
from tests.support.site import Site


class Heard:
    """Listens to a stream in the background."""

    def __init__(self, stream: AsyncIterator[Any]) -> None:
        self.events: list[Any] = []
        self._has_words = asyncio.Event()
        self._task = asyncio.create_task(self._listen(stream))

    async def words(self) -> None:
        """Wait until something was said."""
        await self._has_words.wait()

    async def all(self) -> list[Any]:
        await self._task
        return self.events

    async def _listen(self, stream: AsyncIterator[Any]) -> None:
        async for event in stream:
            self.events.append(event)
            if said_in([event]):
                self._has_words.set()


def said_in(events: list[Any]) -> list[str]:
    """The words of chunks of a completion, or of events of a response."""
    deltas = [e.delta for e in events if getattr(e, "type", "") == "response.output_text.delta"]
    choices = [choice for event in events for choice in getattr(event, "choices", ())]
    return [*deltas, *(choice.delta.content for choice in choices if choice.delta.content)]


@pytest.fixture
async def here(site: Site) -> AsyncIterator[AsyncOpenAI]:
    async with openai_to(site.deployment.here.http) as client:
        yield client


@pytest.fixture
async def there(site: Site) -> AsyncIterator[AsyncOpenAI]:
    async with openai_to(site.deployment.there.http) as client:
        yield client


async def all_workers_die(site: Site) -> None:
    await asyncio.gather(*(worker.kill() for worker in site.topology.workers))


def message(held: Held) -> Any:
    return order(**held.what)


async def completion(client: AsyncOpenAI, held: Held) -> Heard:
    return Heard(
        await client.chat.completions.create(model="speaker", messages=[message(held)], stream=True)
    )


async def test_a_completion_goes_on_where_its_worker_died_or_ends_with_an_error(
    site: Site, here: AsyncOpenAI, tmp_path: Path
) -> None:
    alike, otherwise = Held(tmp_path, "alike"), Held(tmp_path, "otherwise")
    going_on, failing = await completion(here, alike), await completion(here, otherwise)
    await going_on.words()
    await failing.words()
    await all_workers_die(site)
    alike.go_on()
    otherwise.go_on("twice upon a time")
    await site.topology.start_all()
    events = await going_on.all()
    assert said_in(events) == ["once ", "upon a time"]
    assert events[-1].choices[0].finish_reason == "stop"
    with pytest.raises(openai.APIError) as raised:
        await failing.all()
    assert raised.value.code == "stream_lost"
    assert said_in(failing.events) == ["once "]


async def test_a_response_goes_on_where_its_worker_died_and_is_resumed_anywhere(
    site: Site, here: AsyncOpenAI, there: AsyncOpenAI, tmp_path: Path
) -> None:
    held, in_background = Held(tmp_path, "held"), Held(tmp_path, "background")
    asked: Any = {"model": "speaker", "stream": True}
    waiting = Heard(await here.responses.create(input=[message(held)], **asked))
    left = Heard(
        await here.responses.create(input=[message(in_background)], background=True, **asked)
    )
    for listener in (waiting, left):
        await listener.words()
    response_id, seen = left.events[0].response.id, left.events[-1].sequence_number
    await all_workers_die(site)
    resumed = Heard(await there.responses.retrieve(response_id, stream=True, starting_after=seen))
    held.go_on()
    in_background.go_on()
    await site.topology.start_all()
    for listener in (waiting, left):
        events = await listener.all()
        assert said_in(events) == ["once ", "upon a time"]
        assert [event.sequence_number for event in events] == list(range(len(events)))
        assert (events[-1].type, events[-1].response.output_text) == ("response.completed", TEXT)
    assert await resumed.all() == left.events[seen + 1 :]
    assert (await there.responses.retrieve(response_id)).output_text == TEXT
