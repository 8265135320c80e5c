"""The official client over connections that break: wherever that happens, it ends with what it
would have got over a whole one.

Only how long the client waits before it comes back is taken out.
"""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from langgraph_sdk import get_client
from langgraph_sdk._async import http as client_http
from langgraph_sdk.client import LangGraphClient
from langgraph_sdk.schema import StreamPart

from tests.support.cutting_proxy import CuttingProxy, cutting_proxy
from tests.support.server import Deployment
from tests.support.streaming import assert_gapless, collect, without_waiting

pytestmark = pytest.mark.filterwarnings("ignore:Reconnecting without:UserWarning")

MODES: Any = ["values", "updates", "messages-tuple"]
SAY: Any = {"messages": [{"role": "user", "content": "one two three"}]}


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_http, "_reconnect_delay", lambda *_, **__: 0.0)


@pytest.fixture
async def proxy(deployment: Deployment) -> AsyncIterator[CuttingProxy]:
    async with cutting_proxy(str(deployment.there.http.base_url)) as proxy:
        yield proxy


@pytest.fixture
async def client(proxy: CuttingProxy) -> AsyncIterator[LangGraphClient]:
    async with get_client(url=proxy.url) as client:
        yield client


async def new_thread(client: LangGraphClient) -> str:
    return (await client.threads.create())["thread_id"]


def content(parts: list[StreamPart]) -> list[Any]:
    """What came, without the ids that each run has of its own."""
    return [
        (part.event, None if part.event in ("metadata", "end") else _without_ids(part.data))
        for part in without_waiting(parts)
    ]


def _without_ids(value: Any) -> Any:
    """Messages' text, and whatever else is the same for each run of the graph."""
    if isinstance(value, dict):
        dropped = ("id", "metadata") if "content" in value else ()
        return {key: _without_ids(each) for key, each in value.items() if key not in dropped}
    if isinstance(value, list):
        tuple_of_a_message = len(value) == 2 and "langgraph_node" in (value[1] or ())
        return [_without_ids(each) for each in (value[:1] if tuple_of_a_message else value)]
    return value


async def test_a_stream_that_is_cut_after_any_number_of_bytes_loses_and_repeats_nothing(
    proxy: CuttingProxy, client: LangGraphClient
) -> None:
    async def stream(thread_id: str) -> list[StreamPart]:
        return await collect(client.runs.stream(thread_id, "chat", input=SAY, stream_mode=MODES))

    whole = content(await stream(await new_thread(client)))
    for length in range(0, proxy.streamed, 61):
        thread_id = await new_thread(client)
        with proxy.cutting_streams(after=length, times=1):
            parts = await stream(thread_id)
        assert content(parts) == whole, f"after {length} bytes"
        assert_gapless(parts)


async def test_a_stream_that_is_cut_again_and_again_loses_and_repeats_nothing(
    proxy: CuttingProxy, client: LangGraphClient
) -> None:
    run = await client.runs.create(
        thread_id := await new_thread(client), "chat", input=SAY, stream_mode=MODES
    )
    await client.runs.join(thread_id, run["run_id"])

    async def join() -> list[StreamPart]:
        joined = client.runs.join_stream(thread_id, run["run_id"], last_event_id="-1")
        return await collect(joined)

    whole = await join()
    largest = max(len(str(part.data)) for part in whole)
    for length in range(largest + 300, proxy.streamed, 211):
        with proxy.cutting_streams(after=length):
            assert await join() == whole, f"after every {length} bytes"


async def test_a_stateless_stream_loses_and_repeats_nothing_either(
    proxy: CuttingProxy, client: LangGraphClient
) -> None:
    async def stream() -> list[StreamPart]:
        given = {"steps": 3}
        return await collect(client.runs.stream(None, "counter", input=given, stream_mode=MODES))

    whole = content(await stream())
    for length in range(0, proxy.streamed, 47):
        with proxy.cutting_streams(after=length, times=1):
            assert content(await stream()) == whole, f"after {length} bytes"


async def test_a_filter_holds_after_a_cut(proxy: CuttingProxy, client: LangGraphClient) -> None:
    run = await client.runs.create(
        thread_id := await new_thread(client), "counter", input={"steps": 5}, stream_mode=MODES
    )
    await client.runs.join(thread_id, run["run_id"])

    async def join() -> list[StreamPart]:
        return await collect(
            client.runs.join_stream(
                thread_id, run["run_id"], last_event_id="-1", stream_mode=["updates"]
            )
        )

    whole = await join()
    assert {part.event for part in whole} == {"metadata", "updates", "end"}
    for length in range(0, proxy.streamed, 47):
        with proxy.cutting_streams(after=length, times=1):
            assert await join() == whole, f"after {length} bytes"


async def test_a_threads_stream_that_is_cut_anywhere_loses_and_repeats_nothing(
    proxy: CuttingProxy, client: LangGraphClient
) -> None:
    thread_id = await new_thread(client)
    for steps in (1, 2):
        await client.runs.wait(thread_id, "counter", input={"steps": steps})

    async def follow() -> list[StreamPart]:
        """Both runs, to the end of the second."""
        parts: list[StreamPart] = []
        async for part in await client.threads.join_stream(thread_id, last_event_id="-1"):
            parts.append(part)
            if [each.data.get("status") for each in parts].count("run_done") == 2:
                break
        return parts

    whole = await follow()
    for length in range(0, proxy.streamed, 47):
        with proxy.cutting_streams(after=length, times=1):
            assert await follow() == whole, f"after {length} bytes"


@pytest.mark.parametrize("stateless", [False, True])
@pytest.mark.filterwarnings("ignore:Request failed, attempting reconnect:UserWarning")
async def test_a_result_that_is_cut_anywhere_is_got_whole(
    proxy: CuttingProxy, client: LangGraphClient, stateless: bool
) -> None:
    given = {"steps": 2, "seconds": 0.01}

    async def wait() -> Any:
        thread_id = None if stateless else await new_thread(client)
        return await client.runs.wait(thread_id, "counter", input=given)

    whole = await wait()
    for length in range(len(str(whole))):
        with proxy.cutting_results(after=length, times=1):
            assert await wait() == whole, f"after {length} bytes"
