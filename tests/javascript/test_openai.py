"""The official OpenAI client of JavaScript with us, each scene in a Node of its own."""

from typing import Any

import pytest

from tests.support.javascript import play
from tests.support.openai import order, user
from tests.support.server import Deployment

pytestmark = pytest.mark.timeout(120)

SUM = user("What is 2 + 3?")


@pytest.fixture
def url(server: Deployment) -> str:
    return str(server.http.base_url)


async def played(url: str, scene: str, **given: Any) -> list[Any]:
    return await play("openai", url, scene, **given)


async def test_models_are_listed(url: str) -> None:
    ids = await played(url, "models")
    assert {"chat", "agent"} <= set(ids)
    assert "echo" not in ids


async def test_a_conversation_is_answered_and_streamed(url: str) -> None:
    asked = {"model": "chat", "messages": [user("good morning")]}
    [whole] = await played(url, "chat", **asked)
    assert whole["choices"][0]["message"]["content"] == "You said: good morning"
    chunks = await played(url, "chat", stream=True, **asked)
    [deltas, reasons] = [
        [chunk["choices"][0][name] for chunk in chunks] for name in ("delta", "finish_reason")
    ]
    assert [delta.get("content") for delta in deltas if delta.get("content")] == [
        *("You ", "said: ", "good ", "morning")
    ]
    assert (deltas[0]["role"], reasons[-1]) == ("assistant", "stop")


async def test_what_is_asked_twice_with_one_key_is_answered_once(url: str) -> None:
    first, again = await played(url, "twice", key="once", model="chat", messages=[user("hi")])
    assert again == first


async def test_the_client_gathers_calls_text_and_usage(url: str) -> None:
    [answer] = await played(url, "gathered", model="agent", messages=[SUM])
    message = answer["choices"][0]["message"]
    assert message["content"] == "The answer is 5"
    assert message["tool_calls"][0]["function"]["arguments"] == '{"a": 2, "b": 3}'
    [counted] = await played(
        url,
        "gathered",
        model="speaker",
        messages=[order(say="counted", usage=True)],
        stream_options={"include_usage": True},
    )
    assert counted["usage"]["total_tokens"] == 7


async def test_a_response_is_streamed_and_resumed(url: str) -> None:
    events = await played(url, "respond", model="agent", input=[SUM], stream=True, background=True)
    assert events[-1]["type"] == "response.completed"
    response_id = events[0]["response"]["id"]
    assert await played(url, "resume", id=response_id, after=5) == events[6:]


async def test_a_response_is_continued(url: str) -> None:
    [first] = await played(url, "respond", model="chat", input="one")
    [second] = await played(
        url, "respond", model="chat", input="two", previous_response_id=first["id"]
    )
    assert second["output_text"] == "You said: two"
    assert second["conversation"] == first["conversation"]


async def test_a_response_in_the_background_is_cancelled(url: str) -> None:
    waiting = order(say="once", wait=True)
    begun, cancelled, found = await played(url, "cancelled", model="speaker", input=[waiting])
    assert begun["status"] in ("queued", "in_progress")
    assert (cancelled["status"], found["status"]) == ("cancelled", "cancelled")


async def test_refusals_are_raised_as_what_they_are(url: str) -> None:
    bodies: list[Any] = [
        {"model": "nobody", "messages": [user("hi")]},
        {"model": "echo", "messages": [user("hi")]},
        {"model": "chat", "messages": []},
    ]
    assert await played(url, "refusals", bodies=bodies) == [
        {"name": "NotFoundError", "status": 404, "code": "model_not_found", "param": "model"},
        {"name": "BadRequestError", "status": 400, "code": None, "param": "model"},
        {"name": "UnprocessableEntityError", "status": 422, "code": None, "param": "messages"},
    ]
