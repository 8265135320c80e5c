"""The official OpenAI client, pointed at a running server, and what the graph `speaker` is told."""

import json
from collections.abc import Iterable
from typing import Any

from openai import AsyncOpenAI
from openai.types.chat import ChatCompletionChunk

from tests.support.server import Entrance


def openai_to(entrance: Entrance, **options: Any) -> AsyncOpenAI:
    """It never asks twice, so that a test sees what it was answered first."""
    url = f"{str(entrance.http.base_url).rstrip('/')}/v1"
    return AsyncOpenAI(base_url=url, api_key="any", max_retries=0, **options)


def user(text: str) -> Any:
    return {"role": "user", "content": text}


def order(**what: Any) -> Any:
    """A message for tests/support/project/speaker.py."""
    return user(json.dumps(what))


def contents(chunks: Iterable[ChatCompletionChunk]) -> list[str]:
    """The words of a stream, one by one."""
    return [
        choice.delta.content for chunk in chunks for choice in chunk.choices if choice.delta.content
    ]
