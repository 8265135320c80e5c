"""The OpenAI API from within: what becomes of runs whose client leaves, and how it is guarded."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import httpx
import openai
import pytest

from tests.support.api import TEST_GRAPHS, Api, running_api
from tests.support.openai import openai_to, order
from tests.support.postgres import PostgresForTests
from tests.support.waiting import eventually


@pytest.fixture(scope="module")
async def api(postgres: PostgresForTests) -> AsyncIterator[Api]:
    uri = await postgres.fresh_database()
    async with running_api(uri, config=TEST_GRAPHS, worker=True, over_tcp=True) as running:
        yield running
    await postgres.drop_database(uri)


async def ask_for_ever(api: Api, *, stream: bool) -> None:
    messages = [order(say="once upon a time", wait=True)]
    body = {"model": "speaker", "messages": messages, "stream": stream}
    with suppress(httpx.HTTPError):
        await api.http.post("/v1/chat/completions", json=body, timeout=None)


async def run_with(api: Api, status: str) -> Any:
    return await api.backends.pool.fetchrow("select * from runs where status = $1", status)


@pytest.mark.parametrize("stream", [True, False])
async def test_leaving_cancels_the_run(api: Api, stream: bool) -> None:
    asking = asyncio.create_task(ask_for_ever(api, stream=stream))
    run = await eventually(lambda: run_with(api, "running"))
    asking.cancel()
    await asyncio.wait({asking})

    async def ended() -> Any:
        return await api.backends.pool.fetchrow(
            "select * from runs where run_id = $1 and status <> 'running'", run["run_id"]
        )

    cancelled = await eventually(ended)
    assert (cancelled["status"], cancelled["cancel_reason"]) == (
        "interrupted",
        "client disconnected",
    )


async def test_the_servers_stop_ends_a_request_that_waits(api: Api) -> None:
    messages = [order(say="once upon a time", wait=True)]
    asking = asyncio.create_task(
        api.http.post("/v1/chat/completions", json={"model": "speaker", "messages": messages})
    )
    await eventually(lambda: run_with(api, "running"))
    api.app.state.open_streams.close()
    answer = await asking
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert answer.json()["error"]["type"] == "server_error"


async def test_errors_are_translated_under_a_prefix_too(database_uri: str) -> None:
    async with running_api(database_uri, mount_prefix="/agents") as api:
        unknown = await api.http.get("/agents/v1/models/nobody")
        assert unknown.json()["error"]["code"] == "model_not_found"
        absent = await api.http.post("/agents/v1/embeddings", json={})
        assert absent.status_code == 404
        assert "/v1/embeddings" in absent.json()["error"]["message"]
        assert set((await api.http.get("/agents/v2/models")).json()) == {"detail"}
        assert (await api.http.get("/agents/v1/models/chat")).json()["id"] == "chat"


async def test_the_clients_key_is_what_auth_gets(database_uri: str) -> None:
    async with running_api(database_uri, api_keys="ann:secret", over_tcp=True) as api:
        async with openai_to(api.http, "secret") as ann:
            assert (await ann.models.retrieve("chat")).id == "chat"
        async with openai_to(api.http, "wrong") as nobody:
            with pytest.raises(openai.AuthenticationError) as refused:
                await nobody.models.retrieve("chat")
    assert (refused.value.code, refused.value.type) == ("invalid_api_key", "authentication_error")
