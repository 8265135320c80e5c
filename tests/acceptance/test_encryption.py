"""Encryption with an API and its worker as processes, over Postgres and Redis."""

import base64
import json
from typing import Any

import asyncpg
from langgraph_sdk import get_client

from tests.support.api import VAULT
from tests.support.commands import run
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
    context = base64.b64encode(json.dumps({"tenant": "red"}).encode()).decode()
    try:
        await server.start()
        async with get_client(url=server.url, headers={"X-Encryption-Context": context}) as client:
            thread_id = (await client.threads.create(metadata={"secret": SECRET}))["thread_id"]
            events: list[Any] = [
                event.data
                async for event in client.runs.stream(thread_id, "echo", input={"text": SECRET})
                if event.event == "values"
            ]
            assert events[-1] == {"text": SECRET}
            assert (await client.threads.get(thread_id))["values"] == {"text": SECRET}
        async with asyncpg.create_pool(database_uri) as pool:
            assert await rows_with(pool, SECRET) == []
            stored = await pool.fetchval('select "values"::text from threads')
            assert json.loads(stored)["text"]["__encrypted__"][1] == {"tenant": "red"}
        services = {"DATABASE_URI": database_uri, "REDIS_URI": redis_server.url}
        ended = run("doctor", environment=services)
        assert ended.returncode == 1
        assert "name the JSON handlers under" in " ".join(ended.stdout.split())
        ended = run("doctor", "--config", str(VAULT), environment=services)
        assert (ended.returncode, "encrypted by custom" in ended.stdout) == (0, True)
    finally:
        await server.stop()
