"""LangServe's API from within: what becomes of runs whose client leaves, and how it is guarded."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import httpx
import pytest

from tests.support.api import TEST_GRAPHS, Api, running_api
from tests.support.langserve import remote
from tests.support.postgres import PostgresForTests
from tests.support.waiting import eventually

FOR_EVER = {"verb": "hang"}
HELLO = {"messages": [{"type": "human", "content": "good morning"}]}


@pytest.fixture(scope="module")
async def api(postgres: PostgresForTests) -> AsyncIterator[Api]:
    uri = await postgres.fresh_database()
    async with running_api(uri, config=TEST_GRAPHS, worker=True, over_tcp=True) as running:
        yield running
    await postgres.drop_database(uri)


async def call_for_ever(api: Api, how: str) -> None:
    body = {"inputs": [FOR_EVER, FOR_EVER]} if how == "batch" else {"input": FOR_EVER}
    with suppress(httpx.HTTPError):
        await api.http.post(f"/langserve/faulty/{how}", json=body, timeout=None)


async def runs_with(api: Api, status: str, count: int) -> Any:
    found = await api.backends.pool.fetch("select * from runs where status = $1", status)
    return found if len(found) == count else None


@pytest.mark.parametrize("how", ["invoke", "batch", "stream", "stream_events", "stream_log"])
async def test_leaving_cancels_the_runs(api: Api, how: str) -> None:
    count = 2 if how == "batch" else 1
    calling = asyncio.create_task(call_for_ever(api, how))
    runs = await eventually(lambda: runs_with(api, "running", count))
    calling.cancel()
    await asyncio.wait({calling})

    async def ended() -> Any:
        found = await api.backends.pool.fetch(
            "select * from runs where run_id = any ($1) and status <> 'running'",
            [run["run_id"] for run in runs],
        )
        return found if len(found) == count else None

    for run in await eventually(ended):
        assert (run["status"], run["cancel_reason"]) == ("interrupted", "client disconnected")


@pytest.mark.parametrize("how", ["invoke", "batch"])
async def test_the_servers_stop_ends_a_call_that_waits(api: Api, how: str) -> None:
    body = {"inputs": [FOR_EVER, FOR_EVER]} if how == "batch" else {"input": FOR_EVER}
    calling = asyncio.create_task(api.http.post(f"/langserve/faulty/{how}", json=body))
    await eventually(lambda: runs_with(api, "running", 2 if how == "batch" else 1))
    api.app.state.open_streams.close()
    answer = await calling
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")


async def test_the_servers_stop_is_no_end_of_a_stream(api: Api) -> None:
    async with remote(api.http, "faulty") as graph:
        chunks = graph.astream(FOR_EVER)
        assert list(await anext(chunks)) == ["before"]
        api.app.state.open_streams.close()
        with pytest.raises(httpx.RemoteProtocolError):
            await anext(chunks)
    await api.http.post("/runs/cancel", json={"status": "running"})


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
    await eventually(lambda: runs_with(api, "running", 2))
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
