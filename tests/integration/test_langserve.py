"""LangServe's API from within: what becomes of runs whose client leaves, and how it is guarded."""

import asyncio
from contextlib import suppress
from typing import Any

import httpx
import pytest

from tests.support.api import Api, running_api
from tests.support.langserve import remote
from tests.support.leaving import are_cancelled, leave, running, runs_with
from tests.support.waiting import eventually

FOR_EVER = {"verb": "hang"}
HELLO = {"messages": [{"type": "human", "content": "good morning"}]}


@pytest.fixture(scope="module")
def api(working_api: Api) -> Api:
    return working_api


async def call_for_ever(api: Api, how: str) -> None:
    body = {"inputs": [FOR_EVER, FOR_EVER]} if how == "batch" else {"input": FOR_EVER}
    with suppress(httpx.HTTPError):
        await api.http.post(f"/langserve/faulty/{how}", json=body, timeout=None)


@pytest.mark.parametrize("how", ["invoke", "batch", "stream", "stream_events", "stream_log"])
async def test_leaving_cancels_the_runs(api: Api, how: str) -> None:
    count = 2 if how == "batch" else 1
    await are_cancelled(api, await leave(api, call_for_ever(api, how), count))


@pytest.mark.parametrize("how", ["invoke", "batch"])
async def test_the_servers_stop_ends_a_call_that_waits(api: Api, how: str) -> None:
    body = {"inputs": [FOR_EVER, FOR_EVER]} if how == "batch" else {"input": FOR_EVER}
    calling = asyncio.create_task(api.http.post(f"/langserve/faulty/{how}", json=body))
    await running(api, 2 if how == "batch" else 1)
    api.app.state.open_streams.close()
    answer = await calling
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")


async def test_the_servers_stop_is_no_end_of_a_stream(api: Api) -> None:
    async with remote(api.http, "faulty") as graph:
        chunks = graph.astream(FOR_EVER)
        assert list(await anext(chunks)) == ["before"]
        runs = await running(api)
        api.app.state.open_streams.close()
        with pytest.raises(httpx.RemoteProtocolError):
            await anext(chunks)
    await are_cancelled(api, runs)


async def test_a_failed_batch_leaves_no_run_behind(api: Api) -> None:
    body = {"inputs": [FOR_EVER, {"verb": "raise"}, FOR_EVER]}
    answer = await api.http.post("/langserve/faulty/batch", json=body)
    assert answer.json() == {"detail": "inputs[1]: ValueError: told to fail"}

    async def none_runs() -> bool:
        return bool(await runs_with(api, "running", 0) is not None)

    await eventually(none_runs)


async def test_no_more_runs_at_once_than_was_asked_for(api: Api) -> None:
    body = {"inputs": [FOR_EVER] * 3, "config": {"max_concurrency": 2}}
    calling = asyncio.create_task(api.http.post("/langserve/faulty/batch", json=body))
    await running(api, 2)
    assert await runs_with(api, "pending", 0) == []
    api.app.state.open_streams.close()
    assert (await calling).status_code == 503


async def test_a_limit_that_clients_send_unasked_is_none(api: Api) -> None:
    """Their own default is far below that of graphs."""
    async with remote(api.http, "faulty") as graph:
        output = await graph.ainvoke({"verb": "slow", "n": 40, "seconds": 0})
        assert output["step"] == 40
        with pytest.raises(httpx.HTTPStatusError, match="GraphRecursionError"):
            await graph.ainvoke({"verb": "slow", "n": 40, "seconds": 0}, {"recursion_limit": 24})


async def test_what_a_calling_graph_adds_to_the_config_is_not_the_called_ones(api: Api) -> None:
    body: Any = {
        "input": {"text": "hi"},
        "config": {
            "configurable": {
                "__pregel_task_id": "t",
                "checkpoint_ns": "node:1",
                "checkpoint_id": "c",
                "language": "en",
            }
        },
    }
    answer = await api.http.post("/langserve/echo/invoke", json=body)
    run = (await api.http.get(answer.headers["content-location"])).json()
    configurable = run["kwargs"]["config"]["configurable"]
    assert configurable["language"] == "en"
    assert not configurable.keys() & body["config"]["configurable"].keys() - {"language"}


async def test_names_of_threads_are_each_callers_own(database_uri: str) -> None:
    config: Any = {"configurable": {"thread_id": "1"}}
    async with running_api(
        database_uri, api_keys="ann:a-secret,bob:b-secret", worker=True, over_tcp=True
    ) as api:
        lengths = []
        for key in ("a-secret", "a-secret", "b-secret"):
            headers = {"authorization": f"Bearer {key}"}
            async with remote(api.http, "chat", headers) as chat:
                lengths.append(len((await chat.ainvoke(HELLO, config))["messages"]))
        async with remote(api.http, "chat", {"authorization": "Bearer wrong"}) as chat:
            with pytest.raises(httpx.HTTPStatusError, match="401"):
                await anext(chat.astream(HELLO))
    assert lengths == [2, 4, 2]
