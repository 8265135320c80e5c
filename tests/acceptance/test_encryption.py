"""Encryption with an API and its worker as processes, over Postgres and Redis."""

import base64
import json
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from langgraph_sdk import get_client
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.acceptance.test_event_socket import Socket
from tests.support.api import VAULT
from tests.support.commands import run
from tests.support.event_streams import of_method
from tests.support.redis import RedisServer
from tests.support.secrecy import rows_with
from tests.support.server import READY_API, ApiProcess

SECRET = "the treasure lies under the oak"


async def test_a_worker_process_executes_what_the_api_has_encrypted_for_a_tenant(
    database_uri: str, redis_server: RedisServer
) -> None:
    server = ApiProcess(
        "serve",
        *("serve", "--config", str(VAULT), "--workers", "1", "--port", "0"),
        ready=READY_API,
        environment={"DATABASE_URI": database_uri, "REDIS_URI": redis_server.url},
    )
    headers = {"X-Encryption-Context": base64.b64encode(b'{"tenant": "red"}').decode()}
    try:
        await server.start()
        async with get_client(url=server.url, headers=headers) as client:
            thread_id = (await client.threads.create(metadata={"secret": SECRET}))["thread_id"]
            events: list[Any] = [
                event.data
                async for event in client.runs.stream(thread_id, "echo", input={"text": SECRET})
                if event.event == "values"
            ]
            assert events[-1] == {"text": SECRET}
            assert (await client.threads.get(thread_id))["values"] == {"text": SECRET}
        await run_by_socket(server.url, headers)
        async with asyncpg.create_pool(database_uri) as pool:
            assert await rows_with(pool, SECRET) == []
            stored = await pool.fetch('select "values"::text from threads')
            marks = [json.loads(values)["text"]["__encrypted__"] for (values,) in stored]
            assert [context for _, context, _ in marks] == [{"tenant": "red"}] * 2
        services = {"DATABASE_URI": database_uri, "REDIS_URI": redis_server.url}
        ended = run("doctor", environment=services)
        assert ended.returncode == 1
        assert "name the JSON handlers under" in " ".join(ended.stdout.split())
        ended = run("doctor", "--config", str(VAULT), environment=services)
        assert (ended.returncode, "encrypted by custom" in ended.stdout) == (0, True)
    finally:
        await server.stop()


async def run_by_socket(url: str, headers: dict[str, str]) -> None:
    """A run on a thread of its own, and a context that is refused."""
    address = f"{url.replace('http', 'ws', 1)}/threads/{uuid4()}/stream/events"
    async with connect(address, additional_headers=headers) as connection:
        socket = Socket(connection)
        await socket.command("subscription.subscribe", channels=["values", "lifecycle"])
        given = {"assistant_id": "echo", "input": {"text": SECRET}}
        early, _ = await socket.command("run.start", **given)
        events = [*early, *await socket.to_the_end()]
        assert of_method(events, "values")[-1] == {"text": SECRET}
    with pytest.raises(InvalidStatus) as refused:
        async with connect(address, additional_headers={"X-Encryption-Context": "no base64!"}):
            pass
    assert refused.value.response.status_code == 403
