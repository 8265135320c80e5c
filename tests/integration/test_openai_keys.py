"""The Idempotency-Key header with the OpenAI API: sent twice, answered by one run."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import openai
import pytest
from openai import AsyncOpenAI

from tests.support.api import Api
from tests.support.gates import Essay
from tests.support.openai import openai_to, order, user
from tests.support.waiting import eventually

CHAT = "/v1/chat/completions"
RESPONSES = "/v1/responses"


@pytest.fixture(scope="module")
def api(working_api: Api) -> Api:
    return working_api


@pytest.fixture
async def client(api: Api) -> AsyncIterator[AsyncOpenAI]:
    """Sends one and the same key with everything."""
    async with openai_to(api.http) as connected:
        yield connected.with_options(default_headers={"Idempotency-Key": uuid4().hex})


@pytest.fixture
def essay(gates: Path) -> Essay:
    return Essay(gates)


def asking(path: str, text: str, **options: Any) -> dict[str, Any]:
    given = {"messages": [user(text)]} if path == CHAT else {"input": text}
    return {"model": "chat", **given, **options}


async def post(api: Api, path: str, key: str, body: dict[str, Any]) -> httpx.Response:
    return await api.http.post(path, json=body, headers={"Idempotency-Key": key}, timeout=None)


def run_of(answer: httpx.Response) -> str:
    assert answer.status_code == 200, answer.text
    return answer.headers["content-location"].rpartition("/")[2]


async def runs_in(api: Api) -> int:
    count: int = await api.backends.pool.fetchval("select count(*) from runs")
    return count


async def said(client: AsyncOpenAI, path: str, model: str, text: str, *, stream: bool) -> str:
    """The whole text of an answer."""
    asked: Any = asking(path, text, model=model, stream=stream)
    if path == CHAT:
        answer: Any = await client.chat.completions.create(**asked)
        if not stream:
            return str(answer.choices[0].message.content)
        return "".join([chunk.choices[0].delta.content or "" async for chunk in answer])
    answer = await client.responses.create(**asked)
    if not stream:
        return str(answer.output_text)
    events = [event async for event in answer]
    assert events[-1].type == "response.completed"
    return "".join(e.delta for e in events if e.type == "response.output_text.delta")


@pytest.mark.parametrize("path", [CHAT, RESPONSES])
async def test_however_it_is_asked_again_the_run_is_the_first_ones(
    api: Api, client: AsyncOpenAI, path: str
) -> None:
    before = await runs_in(api)
    for stream in (False, True, False, True):
        assert await said(client, path, "chat", "hi", stream=stream) == "You said: hi"
    assert await runs_in(api) == before + 1


@pytest.mark.parametrize("path", [CHAT, RESPONSES])
async def test_requests_at_once_are_answered_by_one_run(
    api: Api, client: AsyncOpenAI, path: str
) -> None:
    before = await runs_in(api)
    answers = await asyncio.gather(
        *(said(client, path, "chat", "hi", stream=bool(number % 2)) for number in range(8))
    )
    assert set(answers) == {"You said: hi"}
    assert await runs_in(api) == before + 1


@pytest.mark.parametrize("path", [CHAT, RESPONSES])
async def test_a_stream_that_is_asked_for_again_has_the_same_bytes(api: Api, path: str) -> None:
    key, body = uuid4().hex, asking(path, "good morning", stream=True)
    first = await post(api, path, key, body)
    again = await post(api, path, key, {"metadata": {}, **body})
    assert (run_of(again), again.text) == (run_of(first), first.text)


async def test_a_response_in_the_background_is_begun_once(client: AsyncOpenAI) -> None:
    first = await client.responses.create(model="chat", input="hi", background=True)

    async def ended() -> bool:
        return (await client.responses.retrieve(first.id)).status == "completed"

    await eventually(ended)
    again = await client.responses.create(model="chat", input="hi", background=True)
    assert (again.id, again.output_text) == (first.id, "You said: hi")


async def test_the_same_continuation_is_no_further_one(api: Api, client: AsyncOpenAI) -> None:
    first = await client.responses.create(
        model="chat", input="one", extra_headers={"Idempotency-Key": uuid4().hex}
    )
    asked: Any = {"model": "chat", "input": "two", "previous_response_id": first.id}
    second, again = [await client.responses.create(**asked) for _ in range(2)]
    assert again.model_dump() == second.model_dump()


@pytest.mark.parametrize("path", [CHAT, RESPONSES])
async def test_another_request_with_the_key_is_refused_in_openais_shape(
    api: Api, client: AsyncOpenAI, path: str
) -> None:
    await said(client, path, "chat", "hi", stream=False)
    other = RESPONSES if path == CHAT else CHAT
    for where, model, text in ((path, "chat", "ho"), (path, "agent", "hi"), (other, "chat", "hi")):
        for stream in (False, True):
            with pytest.raises(openai.UnprocessableEntityError, match="Idempotency-Key") as refused:
                await said(client, where, model, text, stream=stream)
            assert refused.value.type == "invalid_request_error"


@pytest.mark.parametrize("path", [CHAT, RESPONSES])
async def test_a_key_that_cannot_be_is_refused(api: Api, path: str) -> None:
    for key in ("", "k" * 256):
        refused = await post(api, path, key, asking(path, "hi"))
        assert refused.status_code == 422
        assert "Idempotency-Key" in refused.json()["error"]["message"]


async def test_the_key_of_a_deleted_response_answers_no_more(client: AsyncOpenAI) -> None:
    response = await client.responses.create(model="chat", input="hi")
    await client.responses.delete(response.id)
    with pytest.raises(openai.ConflictError, match="was deleted"):
        await client.responses.create(model="chat", input="hi")


async def test_a_run_that_failed_is_not_tried_again(api: Api) -> None:
    key = uuid4().hex
    body = {"model": "speaker", "messages": [order(fail="told to fail")]}
    first, again = [await post(api, CHAT, key, body) for _ in range(2)]
    assert first.status_code == again.status_code == 500
    assert first.json() == again.json()


@pytest.mark.parametrize("path", [CHAT, RESPONSES])
@pytest.mark.parametrize("stream", [True, False])
async def test_who_leaves_with_a_key_may_come_back(
    api: Api, client: AsyncOpenAI, essay: Essay, path: str, stream: bool
) -> None:
    """The run goes on meanwhile: its client has said that it will ask again."""
    before = await runs_in(api)
    essay.begin_reading()
    asking = asyncio.create_task(said(client, path, "essay", essay.topic, stream=stream))
    await begun(api)
    asking.cancel()
    await asyncio.wait({asking})
    await nobody_listens(api)
    essay.let_it_be_finished()
    assert await said(client, path, "essay", essay.topic, stream=stream) == essay.text
    assert await runs_in(api) == before + 1


async def test_the_servers_stop_leaves_a_run_with_a_key_alone(
    api: Api, client: AsyncOpenAI, essay: Essay
) -> None:
    asking = asyncio.create_task(said(client, CHAT, "essay", essay.topic, stream=False))
    await begun(api)
    api.app.state.open_streams.close()
    with pytest.raises(openai.InternalServerError, match="stopping"):
        await asking
    essay.let_it_be_finished()
    assert await said(client, CHAT, "essay", essay.topic, stream=True) == essay.text


async def test_a_stream_that_the_servers_stop_cuts_is_no_whole_answer(
    api: Api, client: AsyncOpenAI, essay: Essay
) -> None:
    written = essay.allow_words(3)
    stream = await client.chat.completions.create(
        model="essay", messages=[user(essay.topic)], stream=True
    )
    heard = ""
    while heard != written:
        heard += (await anext(stream)).choices[0].delta.content or ""
    api.app.state.open_streams.close()
    with pytest.raises(openai.APIConnectionError):
        await anext(stream)
    essay.let_it_be_finished()
    assert await said(client, CHAT, "essay", essay.topic, stream=True) == essay.text


async def begun(api: Api) -> None:
    async def is_running() -> Any:
        return await api.backends.pool.fetchval("select 1 from runs where status = 'running'")

    await eventually(is_running)
    await eventually(lambda: _async(len(api.app.state.open_streams) == 1))


async def nobody_listens(api: Api) -> None:
    await eventually(lambda: _async(len(api.app.state.open_streams) == 0))


async def _async(value: bool) -> bool:
    return value
