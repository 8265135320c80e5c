"""/mcp by the official client of the Model Context Protocol, unless it says otherwise."""

import json
from typing import Any
from uuid import uuid4

import pytest
from mcp import MCPError

from tests.support.mcp import call, mcp_client, rpc, text_of
from tests.support.server import Deployment

RAIN: Any = {"topic": "rain"}

either_way = pytest.mark.parametrize("mode", ["auto", "legacy"])
"""The newest version, and the newest of those that begin with a handshake."""


@either_way
async def test_graphs_are_tools(deployment: Deployment, mode: str) -> None:
    made = await deployment.client.assistants.create(
        "chat", name="Polly the Parrot!", description="Repeats what it hears."
    )
    async with mcp_client(deployment.http, mode=mode) as client:
        found = await client.list_tools()
    await deployment.client.assistants.delete(made["assistant_id"])
    tools = {tool.name: tool for tool in found.tools}
    assert tools["chat"].description == "Runs chat."
    assert tools["Polly_the_Parrot"].description == "Repeats what it hears."
    assert tools["Polly_the_Parrot"].title == "Polly the Parrot!"
    assert tools["approval"].input_schema["properties"]["topic"] == {
        "title": "Topic",
        "type": "string",
    }
    [hints] = {tool.annotations.model_dump_json() for tool in tools.values() if tool.annotations}
    assert json.loads(hints)["read_only_hint"] is False


@either_way
async def test_a_call_gives_the_output_as_json_and_as_an_object(
    deployment: Deployment, mode: str
) -> None:
    async with mcp_client(deployment.http, mode=mode) as client:
        result = await client.call_tool("Echo", {"text": "hi"})
    assert (result.is_error, json.loads(text_of(result))) == (False, {"text": "hi"})
    assert result.structured_content == {"text": "hi"}
    assert result.meta is not None
    run = (await deployment.http.get(f"/runs/{result.meta['run_id']}")).json()
    assert run["status"] == "success"


@pytest.mark.parametrize("said", ["good morning", [{"role": "user", "content": "good morning"}]])
async def test_messages_may_be_a_text(deployment: Deployment, said: Any) -> None:
    async with mcp_client(deployment.http) as client:
        result = await client.call_tool("chat", {"messages": said})
    assert json.loads(text_of(result))["messages"][-1]["content"] == "You said: good morning"


async def test_an_input_that_is_no_object_is_the_only_argument(deployment: Deployment) -> None:
    async with mcp_client(deployment.http) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert tools["joke"].input_schema["properties"]["input"]["type"] == "string"
        result = await client.call_tool("joke", {"input": "cats"})
        assert (result.is_error, "cats" in text_of(result)) == (False, True)
        missing = await client.call_tool("joke", {})
        assert (missing.is_error, text_of(missing)) == (True, "arguments.input: is required.")


@either_way
async def test_a_failure_says_what_the_graph_said(deployment: Deployment, mode: str) -> None:
    async with mcp_client(deployment.http, mode=mode) as client:
        result = await client.call_tool("faulty", {"verb": "raise"})
        told = await client.call_tool("faulty", {"verb": "raise"}, progress_callback=ignored)
    assert (result.is_error, text_of(result)) == (True, "ValueError: told to fail")
    assert (told.is_error, text_of(told)) == (True, "ValueError: told to fail")


async def ignored(progress: float, total: float | None, message: str | None) -> None: ...


@either_way
async def test_a_tool_there_is_not(deployment: Deployment, mode: str) -> None:
    async with mcp_client(deployment.http, mode=mode) as client:
        with pytest.raises(MCPError, match="there is no tool 'nope'") as caught:
            await client.call_tool("nope", {})
    assert caught.value.code == -32602


@either_way
async def test_nodes_tell_how_far_they_are(deployment: Deployment, mode: str) -> None:
    told: list[tuple[float, float | None, str | None]] = []

    async def tell(progress: float, total: float | None, message: str | None) -> None:
        told.append((progress, total, message))

    async with mcp_client(deployment.http, mode=mode) as client:
        result = await client.call_tool("progress", {"total": 2}, progress_callback=tell)
    assert result.structured_content is not None
    assert result.structured_content["result"] == "2 of 2 done"
    assert [message for *_, message in told] == [
        "1 of 2",
        "2 of 2",
        "nobody knows how long",
        "all in order",
    ]
    assert [at for at, *_ in told] == pytest.approx([0.5, 1, 1, 2])


async def test_a_question_is_answered_on_its_thread(deployment: Deployment) -> None:
    thread_id = str(uuid4())
    on_it: Any = {"thread_id": thread_id}
    async with mcp_client(deployment.here.http) as client:
        asks = await client.call_tool("approval", RAIN, meta=on_it)
    assert (asks.is_error, asks.meta and asks.meta["thread_id"]) == (False, thread_id)
    assert '"question":"Publish this?"' in text_of(asks)
    assert f'"thread_id":"{thread_id}","resume":"the answer"' in text_of(asks)
    async with mcp_client(deployment.there.http) as client:
        answer: Any = {**on_it, "resume": "yes"}
        answered = await client.call_tool("approval", {}, meta=answer)
    assert answered.structured_content is not None
    assert answered.structured_content["published"] is True


async def test_a_question_nobody_can_answer_is_an_error(deployment: Deployment) -> None:
    async with mcp_client(deployment.http) as client:
        result = await client.call_tool("approval", RAIN)
    assert result.is_error
    assert "put a new UUID into _meta.thread_id" in text_of(result)


@pytest.mark.parametrize(("mode", "version"), [("auto", "2026-07-28"), ("legacy", "2025-11-25")])
async def test_the_newest_version_is_spoken(embedded: Deployment, mode: str, version: str) -> None:
    async with mcp_client(embedded.http, mode=mode) as client:
        assert client.protocol_version == version
        assert client.server_info is not None
        assert client.server_info.name == "joinstream"
        assert client.instructions is not None
        assert client.server_capabilities.tools is not None


@pytest.mark.parametrize(
    ("asked", "spoken"),
    [(version, version) for version in ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")]
    + [("1999-01-01", "2025-11-25")],
)
async def test_older_versions_are_spoken_too(embedded: Deployment, asked: str, spoken: str) -> None:
    params = {"protocolVersion": asked, "capabilities": {}, "clientInfo": {"name": "t"}}
    answer = await embedded.http.post("/mcp", json=rpc("initialize", params))
    assert answer.json()["result"]["protocolVersion"] == spoken
    assert answer.json()["result"]["capabilities"] == {"tools": {"listChanged": False}}
    echo = await embedded.http.post(
        "/mcp", json=call("Echo", {"text": "hi"}), headers={"mcp-protocol-version": spoken}
    )
    assert ("structuredContent" in echo.json()["result"]) == (spoken >= "2025-06-18")
