"""LangServe's client in JavaScript with us, each scene in a Node of its own."""

from typing import Any
from uuid import uuid4

import pytest

from tests.support.javascript import play
from tests.support.server import Deployment

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def url(server: Deployment) -> str:
    return str(server.http.base_url)


async def played(url: str, scene: str, **given: Any) -> list[Any]:
    return await play("langserve", url, scene, **given)


async def test_calls_and_batches_are_answered(url: str) -> None:
    [messages] = await played(url, "remembered", thread_id=str(uuid4()))
    assert messages == [
        *(["human", "one"], ["ai", "You said: one"]),
        *(["human", "two"], ["ai", "You said: two"]),
    ]
    [jokes] = await played(url, "batch", inputs=["a", "b", "c"])
    assert [joke[-1] for joke in jokes] == ["a", "b", "c"]


async def test_chunks_events_and_logs_are_streamed(url: str) -> None:
    pieces = await played(url, "stream", input="the sea")
    told = "You said: Tell me a joke about the sea"
    assert ("".join(pieces), pieces[:2]) == (told, ["You ", "said: "])
    assert await played(url, "stream", input="x", streamMode="values") == [told[:-7] + "x"]
    events = await played(url, "events", input="the sea")
    assert events[0] == ["on_parser_start", "StrOutputParser"]
    assert {name for _, name in events} == {"StrOutputParser"}
    assert await played(url, "log", input="the sea") == [told]


async def test_failures_say_why(url: str) -> None:
    unknown, failed = await played(url, "failures")
    assert "404" in unknown
    assert "'nobody' is neither a graph" in unknown
    assert "ValueError: told to fail" in failed
