"""The OpenAI API from within: what becomes of runs whose client leaves, and how it is guarded."""

import asyncio
from contextlib import suppress

import httpx
import openai
import pytest

from tests.support.api import Api, running_api
from tests.support.leaving import are_cancelled, leave, running
from tests.support.openai import openai_to, order


@pytest.fixture(scope="module")
def api(working_api: Api) -> Api:
    return working_api


async def ask_for_ever(api: Api, *, stream: bool) -> None:
    messages = [order(say="once upon a time", wait=True)]
    body = {"model": "speaker", "messages": messages, "stream": stream}
    with suppress(httpx.HTTPError):
        await api.http.post("/v1/chat/completions", json=body, timeout=None)


@pytest.mark.parametrize("stream", [True, False])
async def test_leaving_cancels_the_run(api: Api, stream: bool) -> None:
    await are_cancelled(api, await leave(api, ask_for_ever(api, stream=stream)))


async def test_the_servers_stop_ends_a_request_that_waits(api: Api) -> None:
    messages = [order(say="once upon a time", wait=True)]
    asking = asyncio.create_task(
        api.http.post("/v1/chat/completions", json={"model": "speaker", "messages": messages})
    )
    runs = await running(api)
    api.app.state.open_streams.close()
    answer = await asking
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert answer.json()["error"]["type"] == "server_error"
    await are_cancelled(api, runs)


async def test_the_servers_stop_cancels_the_run_of_a_stream(api: Api) -> None:
    """There is no way back to it."""
    asking = asyncio.create_task(ask_for_ever(api, stream=True))
    runs = await running(api)
    api.app.state.open_streams.close()
    await asking
    await are_cancelled(api, runs)


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
