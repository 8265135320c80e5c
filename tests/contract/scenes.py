"""What contracts begin with: threads, runs, and how to read what comes of them."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import httpx
import pytest
from langgraph_sdk.errors import APIStatusError

from tests.support.contract import AnyClient


def mark() -> dict[str, str]:
    """Metadata that nothing else has."""
    return {"mark": str(uuid4())}


async def new_assistant(client: AnyClient, graph_id: str = "mirror", **fields: Any) -> str:
    made = await client.assistants.create(graph_id, **fields)
    assistant_id: str = made["assistant_id"]
    return assistant_id


async def new_thread(client: AnyClient, **fields: Any) -> str:
    made = await client.threads.create(**fields)
    thread_id: str = made["thread_id"]
    return thread_id


async def counted_thread(client: AnyClient, steps: int, **fields: Any) -> str:
    """A thread on which `counter` has run."""
    thread_id = await new_thread(client, **fields)
    await client.runs.wait(thread_id, "counter", input={"steps": steps})
    return thread_id


async def asking_thread(client: AnyClient, **fields: Any) -> str:
    """A thread that waits for an answer to a question asked two graphs deep."""
    thread_id = await new_thread(client, **fields)
    await client.runs.wait(thread_id, "asking_inside", input={})
    return thread_id


async def busy_thread(client: AnyClient) -> tuple[str, str]:
    """A thread and the run that keeps it busy."""
    thread_id = await new_thread(client)
    run = await client.runs.create(thread_id, "counter", input={"steps": 9, "seconds": 60})
    return thread_id, run["run_id"]


async def latest_run(client: AnyClient, thread_id: str) -> Any:
    return (await client.runs.list(thread_id, limit=1))[0]


async def all_of(parts: AsyncIterator[Any]) -> list[Any]:
    return [part async for part in parts]


@contextmanager
def refused(status: int) -> Iterator[None]:
    """The body is refused, by whichever exception: where the client reconnects, it is httpx's."""
    with pytest.raises((APIStatusError, httpx.HTTPStatusError)) as caught:
        yield
    assert caught.value.response.status_code == status
