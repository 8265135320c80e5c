"""The official OpenAI client, pointed at a running server, and what the graph `speaker` is told."""

import json
from collections.abc import Iterable
from typing import Any

import httpx
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletionChunk


def openai_to(server: httpx.AsyncClient, api_key: str = "any") -> AsyncOpenAI:
    """A client of the server that the other one goes to.

    It never asks twice, so that a test sees what it was answered first.
    """
    url = f"{str(server.base_url).rstrip('/')}/v1"
    return AsyncOpenAI(base_url=url, api_key=api_key, max_retries=0)


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
