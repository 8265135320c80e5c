"""/mcp from within: what becomes of calls whose client leaves, what is refused, and to whom."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.support.api import TENANTS, Api, running_api
from tests.support.gates import Essay
from tests.support.leaving import are_cancelled, leave, running
from tests.support.mcp import call, mcp_client, rpc

META, NEWEST = "io.modelcontextprotocol", "2026-07-28"
FOR_EVER = {"verb": "hang"}
STREAMED = {"accept": "application/json, text/event-stream"}
BOB = {"authorization": "Bearer bob-key"}


@pytest.fixture(scope="module")
def api(working_api: Api) -> Api:
    return working_api


async def test_progress_is_told_while_the_graph_is_at_work(api: Api, gates: Path) -> None:
    essay, told = Essay(gates), asyncio.Queue[tuple[float, str | None]]()

    async def tell(progress: float, total: float | None, message: str | None) -> None:
        await told.put((progress, message))

    async with mcp_client(api.http) as client:
        calling = asyncio.create_task(
            client.call_tool("essay", {"messages": essay.topic}, progress_callback=tell)
        )
        essay.begin_reading()
        assert await told.get() == (0.5, "1 of 2 books")
        assert not calling.done()
        essay.let_it_be_finished()
        result: Any = await calling
    assert result.structured_content["messages"][-1]["content"] == essay.text
    assert (await told.get())[1] == "2 of 2 books"


async def post_for_ever(api: Api, **meta: Any) -> None:
    body = call("faulty", FOR_EVER, **meta)
    with suppress(httpx.HTTPError):
        await api.http.post("/mcp", json=body, headers=STREAMED, timeout=None)


async def call_for_ever(api: Api) -> None:
    async with mcp_client(api.http) as client:
        await client.call_tool("faulty", FOR_EVER)


LEAVING: dict[str, Callable[[Api], Coroutine[Any, Any, None]]] = {
    "while it waits": post_for_ever,
    "while it streams": lambda api: post_for_ever(api, progressToken=7),
    "by cancelling the call": call_for_ever,
}


@pytest.mark.parametrize("how", LEAVING)
async def test_leaving_cancels_the_run(api: Api, how: str) -> None:
    await are_cancelled(api, await leave(api, LEAVING[how](api)))


async def test_the_servers_stop_cancels_the_run_of_a_stream(api: Api) -> None:
    calling = asyncio.create_task(post_for_ever(api, progressToken=7))
    runs = await running(api)
    api.app.state.open_streams.close()
    await calling
    await are_cancelled(api, runs)


@pytest.mark.parametrize(
    ("body", "status", "code", "says"),
    [
        (b"{", 400, -32700, "is not valid JSON"),
        (b"", 400, -32700, "is empty"),
        (b"[]", 400, -32600, "one message at a time"),
        (b"{}", 400, -32600, "jsonrpc: is required"),
        (b'{"jsonrpc":"2.0","id":1}', 400, -32600, "needs a method"),
        (b'{"jsonrpc":"2.0","id":[],"method":"ping"}', 400, -32600, "id: "),
        (b'{"jsonrpc":"2.0","id":1,"method":"resources/list"}', 200, -32601, "tools/list"),
        (b'{"jsonrpc":"2.0","id":1,"method":"initialize"}', 200, -32602, "protocolVersion"),
        (b'{"jsonrpc":"2.0","id":1,"method":"tools/call"}', 200, -32602, "name: is required"),
        (
            b'{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"cursor":"x"}}',
            200,
            -32602,
            "cursor: must be a nextCursor",
        ),
    ],
)
async def test_what_is_wrong_with_a_message_is_told(
    api: Api, body: bytes, status: int, code: int, says: str
) -> None:
    answer = await api.http.post("/mcp", content=body)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (status, code)
    assert says in error["message"]
    assert answer.json()["id"] == (1 if status == 200 else None)


@pytest.mark.parametrize(
    ("meta", "says"),
    [
        ({"thread_id": "mine"}, "_meta.thread_id: must be a UUID, got 'mine'."),
        ({"resume": None}, "_meta.resume: needs _meta.thread_id"),
    ],
)
async def test_a_call_that_cannot_be_a_run_is_a_result_that_says_so(
    api: Api, meta: Any, says: str
) -> None:
    result = (await api.http.post("/mcp", json=call("Echo", {}, **meta))).json()["result"]
    assert result["isError"]
    assert says in result["content"][0]["text"]


async def test_other_than_requests_nothing_is_answered(api: Api) -> None:
    for body in (
        rpc("notifications/initialized", id=None),
        rpc("notifications/cancelled", {"requestId": 1}, id=None),
        {"jsonrpc": "2.0", "id": 1, "result": {}},
    ):
        answer = await api.http.post("/mcp", json=body)
        assert (answer.status_code, answer.content) == (202, b"")
    assert (await api.http.get("/mcp")).status_code == 405
    assert (await api.http.delete("/mcp")).status_code == 405


async def test_a_version_nobody_speaks(api: Api) -> None:
    headers = {"mcp-protocol-version": "1999-01-01"}
    answer = await api.http.post("/mcp", json=rpc("ping"), headers=headers)
    assert answer.status_code == 400
    assert answer.json()["error"]["data"]["requested"] == "1999-01-01"


@pytest.mark.parametrize(
    ("method", "wrong", "status", "code"),
    [
        ("tools/list", {}, 200, None),
        ("tools/list", {"mcp-method": "tools/call"}, 400, -32020),
        ("tools/list", {"mcp-method": ""}, 400, -32020),
        ("tools/call", {"mcp-name": "other"}, 400, -32020),
        ("tools/call", {}, 200, None),
        ("ping", {}, 404, -32601),
        ("initialize", {}, 404, -32601),
    ],
)
async def test_without_a_handshake_headers_and_message_must_agree(
    api: Api, method: str, wrong: dict[str, str], status: int, code: int | None
) -> None:
    meta = {f"{META}/protocolVersion": NEWEST, f"{META}/clientCapabilities": {}}
    body = rpc(method, {"name": "Echo", "arguments": {"text": "hi"}, "_meta": meta})
    right = {"mcp-protocol-version": NEWEST, "mcp-method": method, "mcp-name": "Echo"}
    answer = await api.http.post("/mcp", json=body, headers={**right, **wrong})
    assert (answer.status_code, answer.json().get("error", {}).get("code")) == (status, code)
    if code is None:
        assert answer.json()["result"]["resultType"] == "complete"
    bare = await api.http.post("/mcp", json=rpc(method), headers=right)
    assert (bare.status_code, bare.json()["error"]["code"]) == (400, -32602)


async def test_tools_come_in_pages_and_each_has_its_own_name(api: Api) -> None:
    names = ["same name", "same  name?", "ßß", "x" * 200, "x" * 201] * 21
    made = await asyncio.gather(
        *(api.client.assistants.create("echo", name=name) for name in names)
    )
    tools: list[Any] = []
    cursor = None
    while not tools or cursor:
        page = (await api.http.post("/mcp", json=rpc("tools/list", {"cursor": cursor}))).json()
        tools += page["result"]["tools"]
        cursor = page["result"].get("nextCursor")
    found = [tool["name"] for tool in tools]
    assert len(found) == len(set(found)) == len(names) + len(api.project.graph_ids)
    assert max(map(len, found)) == 128
    assert "same_name" in found
    called = await api.http.post("/mcp", json=call(found[-1], {"text": "hi"}))
    assert called.json()["result"]["isError"] is False
    for assistant in made:
        await api.client.assistants.delete(assistant["assistant_id"])


async def test_a_tool_is_its_owners(database_uri: str) -> None:
    async with running_api(database_uri, config=TENANTS, worker=True, over_tcp=True) as api:
        ann = {"authorization": "Bearer ann-key"}
        await api.client_with(ann).assistants.create("echo", name="anns")
        thread = await api.client_with(ann).threads.create()
        async with mcp_client(api.http, ann) as client:
            assert "anns" in {tool.name for tool in (await client.list_tools()).tools}
            assert not (await client.call_tool("anns", {"text": "hi"})).is_error
        async with mcp_client(api.http, BOB) as client:
            assert "anns" not in {tool.name for tool in (await client.list_tools()).tools}
        answer = await api.http.post("/mcp", json=call("anns", {"text": "hi"}), headers=BOB)
        assert answer.json()["error"]["code"] == -32602
        on_anns = call("Echo", {"text": "hi"}, thread_id=thread["thread_id"])
        answer = await api.http.post("/mcp", json=on_anns, headers=BOB)
        assert answer.json()["result"]["isError"]
        wrong = await api.http.post("/mcp", json=rpc("ping"), headers={"authorization": "x"})
        assert wrong.status_code == 401


async def test_only_pages_of_allowed_origins_may_ask(database_uri: str) -> None:
    async with running_api(database_uri, cors_allow_origins=("https://a.example",)) as api:
        for origin, status in {
            "https://a.example": 200,
            "https://b.example": 403,
            "http://test": 403,  # its own host, as far as it can tell
            "null": 403,
        }.items():
            answer = await api.http.post("/mcp", json=rpc("ping"), headers={"origin": origin})
            assert answer.status_code == status
        assert (await api.http.post("/mcp", json=rpc("ping"))).status_code == 200


async def test_a_thread_keeps_what_was_said(api: Api) -> None:
    body = call("chat", {"messages": "good morning"}, thread_id=str(uuid4()))
    lengths = []
    for _ in range(2):
        result = (await api.http.post("/mcp", json=body)).json()["result"]
        thread = await api.client.threads.get_state(result["_meta"]["thread_id"])
        values: Any = thread["values"]
        lengths.append(len(values["messages"]))
    assert lengths == [2, 4]
