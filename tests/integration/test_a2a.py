"""/a2a from within: clients that leave and come back, what is refused, and to whom."""

import asyncio
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from a2a.client import A2AClientError
from a2a.compat.v0_3 import types as old_words
from a2a.types import a2a_pb2 as words

from tests.support.a2a import Built, a2a_client, order, result, rpc, said, sent, state, task_of
from tests.support.api import TENANTS, Api, running_api
from tests.support.gates import Essay
from tests.support.leaving import running
from tests.support.waiting import eventually

ANN = {"authorization": "Bearer ann-key"}
CHAT = {"assistant_id": "chat"}
BOB = {"authorization": "Bearer bob-key"}


@pytest.fixture(scope="module")
def api(working_api: Api) -> Api:
    return working_api


async def ask(api: Api, method: str, params: Any, agent: str = "chat", **headers: str) -> Any:
    """The answer's result, or its error."""
    answer = await api.http.post(f"/a2a/{agent}", json=rpc(method, params), headers=headers)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    return body["result"] if "result" in body else body["error"]


@pytest.mark.parametrize("broken_by", ["the client", "the server"])
async def test_a_stream_that_broke_off_is_told_again_and_goes_on(
    api: Api, gates: Path, broken_by: str
) -> None:
    essay, task = Essay(gates), Built()
    async with a2a_client(api.http, "essay", streaming=True) as client:
        stream = client.send_message(said(essay.topic))
        written = essay.allow_words(3)
        async for event in stream:
            task.take(event)
            if task.text == written:
                break
        if broken_by == "the server":
            api.app.state.open_streams.close()
            with pytest.raises(A2AClientError):
                await anext(stream)
        await stream.aclose()  # type: ignore[attr-defined]  # the client's is a generator
        again = client.subscribe(words.SubscribeToTaskRequest(id=task.task_id))
        first = await anext(again)
        task.take(first)
        assert (first.task.id, state(first.task), task.text) == (task.task_id, "working", "")
        essay.let_it_be_finished()
        async for event in again:
            task.take(event)
    assert (task.text, task.states[-1]) == (essay.text, "completed")
    # the second stream begins where the whole of the first one does
    assert task.pieces[3:6] == task.pieces[:3] == essay.words[:3]


@pytest.mark.parametrize("broken_by", ["the client", "the server"])
async def test_whoever_stops_waiting_cancels_nothing(api: Api, gates: Path, broken_by: str) -> None:
    essay, context = Essay(gates), str(uuid4())
    async with a2a_client(api.http, "essay") as client:
        waiting = asyncio.create_task(task_of(client, said(essay.topic, context_id=context)))
        [run] = await running(api)
        if broken_by == "the server":
            api.app.state.open_streams.close()
        else:
            waiting.cancel()
        await asyncio.wait({waiting})
        essay.let_it_be_finished()
        wanted = words.GetTaskRequest(id=f"{context}:{run['run_id']}")

        async def ended() -> words.Task | None:
            found = await client.get_task(wanted)
            return found if state(found) not in ("submitted", "working") else None

        found = await eventually(ended)
    assert (state(found), result(found)) == ("completed", essay.text)


async def test_a_task_is_cancelled_while_it_is_streamed(api: Api, gates: Path) -> None:
    essay, task = Essay(gates), Built()
    async with a2a_client(api.http, "essay", streaming=True) as client:
        stream = client.send_message(said(essay.topic))
        essay.allow_words(2)
        async for event in stream:
            task.take(event)
            if event.HasField("artifact_update") and len(task.pieces) == 2:
                await client.cancel_task(words.CancelTaskRequest(id=task.task_id))
    assert task.states[-1] == "canceled"


async def test_a_task_that_is_deleted_is_over(api: Api, gates: Path) -> None:
    essay, task = Essay(gates), Built()
    async with a2a_client(api.http, "essay", streaming=True) as client:
        async for event in client.send_message(said(essay.topic)):
            task.take(event)
            if event.HasField("task"):
                thread_id, _, run_id = task.task_id.partition(":")
                await api.http.delete(f"/threads/{thread_id}/runs/{run_id}")
    assert task.states[-1] == "canceled"


async def test_a_question_is_void_when_its_context_goes_on_without_an_answer(api: Api) -> None:
    async with a2a_client(api.http, "speaker") as client:
        asks = await task_of(client, order(ask="which?"))
        request = order(say="never mind")
        request.message.context_id = asks.context_id
        assert result(await task_of(client, request)) == "never mind"
        found = await client.get_task(words.GetTaskRequest(id=asks.id))
        assert state(asks) == "input_required"
        assert state(found) == "completed"


async def test_what_other_routes_began_is_a_task_too(api: Api) -> None:
    thread = await api.client.threads.create()
    run_input: Any = {"messages": [{"role": "user", "content": "hi"}]}
    run: Any = await api.client.runs.create(thread["thread_id"], "chat", input=run_input)
    await api.client.runs.join(thread["thread_id"], run["run_id"])
    asked: Any = {"run_id": "00000000-0000-4000-8000-000000000000", "input": run_input}
    await api.http.post(f"/threads/{thread['thread_id']}/runs/wait", json={**asked, **CHAT})
    task = await ask(api, "GetTask", {"id": f"{thread['thread_id']}:{run['run_id']}"})
    assert task["status"]["state"] == "TASK_STATE_COMPLETED"
    assert task["artifacts"][0]["parts"] == [{"text": "You said: hi"}]
    assert task["history"][0]["parts"] == [{"text": "hi"}]


async def test_a_message_sent_twice_with_a_key_is_one_task(api: Api) -> None:
    params = sent("hi")
    first = await ask(api, "SendMessage", params, **{"Idempotency-Key": "k"})
    again = await ask(api, "SendMessage", params, **{"Idempotency-Key": "k"})
    assert first == again
    other = await ask(api, "SendMessage", sent("ho"), **{"Idempotency-Key": "k"})
    assert other["code"] == -32602


async def test_files_are_taken_by_agents_that_say_so(api: Api) -> None:
    image = {"raw": "aGk=", "mediaType": "image/png"}
    params = sent("look")
    params["message"]["parts"].append(image)
    refused = await ask(api, "SendMessage", params)
    assert (refused["code"], "image/png is not taken" in refused["message"]) == (-32005, True)
    modes = {"a2a": {"input_modes": ["text/plain", "image/*"]}}
    seeing = await api.client.assistants.create("chat", metadata=modes)
    task = (await ask(api, "SendMessage", params, seeing["assistant_id"]))["task"]
    values: Any = (await api.client.threads.get_state(task["contextId"]))["values"]
    assert values["messages"][0]["content"][1] == {
        "type": "image",
        "mime_type": "image/png",
        "base64": "aGk=",
    }
    old = {"kind": "file", "file": {"uri": "https://a.example/b.png", "mimeType": "image/png"}}
    params["message"]["parts"][1] = old
    task = (await ask(api, "SendMessage", params, seeing["assistant_id"]))["task"]
    values = (await api.client.threads.get_state(task["contextId"]))["values"]
    assert values["messages"][0]["content"][1]["url"] == "https://a.example/b.png"


@pytest.mark.parametrize(
    ("body", "code", "says"),
    [
        (b"{", -32700, "is not valid JSON"),
        (b"[]", -32600, "one message at a time"),
        (b'{"jsonrpc":"2.0","id":1}', -32600, "method: is required"),
        (b'{"jsonrpc":"2.0","method":"GetTask"}', -32600, "id: is required"),
        (b'{"jsonrpc":"2.0","id":1,"method":"Nope"}', -32601, "SendMessage"),
        (b'{"jsonrpc":"2.0","id":1,"method":"GetTask"}', -32602, "id: is required"),
    ],
)
async def test_what_is_wrong_with_a_request_is_told(
    api: Api, body: bytes, code: int, says: str
) -> None:
    answer = await api.http.post("/a2a/chat", content=body)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (200, code)
    assert says in error["message"]
    assert answer.json()["id"] == (1 if b'"id":1' in body else None)


def with_parts(*parts: Any, **about: Any) -> dict[str, Any]:
    return {"message": {**sent("")["message"], "parts": list(parts), **about}}


@pytest.mark.parametrize(
    ("method", "params", "code", "says"),
    [
        ("SendMessage", with_parts(), -32602, "message.parts: "),
        ("SendMessage", with_parts({}), -32602, "message.parts[0]: needs one of"),
        ("SendMessage", with_parts({"text": "a", "data": 1}), -32602, "needs one of"),
        ("SendMessage", with_parts({"file": {}}), -32602, "message.parts[0].file: needs one of"),
        ("SendMessage", with_parts({"data": 1}), -32602, "message.parts[0].data: must be an"),
        ("SendMessage", sent("hi", role="ROLE_AGENT"), -32602, "message.role: "),
        ("SendMessage", sent("hi", contextId="mine"), -32602, "message.contextId: must be"),
        ("SendMessage", sent("hi", taskId="mine"), -32001, "there is no task 'mine'"),
        ("message/stream", sent("hi", taskId="mine"), -32001, "there is no task 'mine'"),
        ("ListTasks", {}, -32602, "contextId: is required"),
        ("ListTasks", {"contextId": "mine"}, -32602, "there is no context 'mine'"),
        ("ListTasks", {"contextId": "mine", "pageSize": 0}, -32602, "pageSize: "),
        ("SubscribeToTask", {"id": "mine"}, -32001, "there is no task 'mine'"),
        ("tasks/cancel", {"id": "mine"}, -32001, "there is no task 'mine'"),
        ("CreateTaskPushNotificationConfig", {}, -32003, "no push notifications"),
        (
            "SendMessage",
            {**sent("hi"), "configuration": {"taskPushNotificationConfig": {"url": "x"}}},
            -32003,
            "no push notifications",
        ),
    ],
)
async def test_what_is_wrong_with_what_is_asked_is_told(
    api: Api, method: str, params: Any, code: int, says: str
) -> None:
    error = await ask(api, method, params)
    assert error["code"] == code
    assert says in error["message"]


async def test_agents_and_versions_there_are_not(api: Api) -> None:
    for agent in ("nope", str(uuid4())):
        assert (await ask(api, "SendMessage", sent("hi"), agent))["code"] == -32602
    unknown = await ask(api, "GetTask", {"id": "x"}, **{"A2A-Version": "7.1"})
    assert (unknown["code"], "0.3, 1.0" in unknown["message"]) == (-32009, True)
    known = await ask(api, "GetTask", {"id": "x"}, **{"A2A-Version": "1.0.3"})
    assert (known["code"], known["data"][0]["reason"]) == (-32001, "TASK_NOT_FOUND")
    assert (await api.http.delete("/a2a/chat")).status_code == 405


async def test_the_card_of_the_server_is_that_of_the_chosen_agent(database_uri: str) -> None:
    async with running_api(
        database_uri, mount_prefix="/agents", default_a2a_assistant_id="chat"
    ) as api:
        card = (await api.http.get("/agents/.well-known/agent-card.json")).json()
        assert card["name"] == "chat"
        here = httpx.URL(card["url"]).path
        assert here.startswith("/agents/a2a/")
        assert (await api.http.get(here)).json() == card
        for interface in card["supportedInterfaces"]:
            assert interface["url"] == card["url"]
        old_words.AgentCard.model_validate(card)
        extended = await api.http.post(here, json=rpc("GetExtendedAgentCard", {}))
        assert extended.json()["result"] == card


async def test_a_task_is_its_owners(database_uri: str) -> None:
    async with running_api(database_uri, config=TENANTS, worker=True, over_tcp=True) as api:
        async with a2a_client(api.http, "chat", headers=ANN) as client:
            task = await task_of(client, said("only ann may read this"))
            found = await client.get_task(words.GetTaskRequest(id=task.id))
            assert found == task
        asked: dict[str, Any] = {
            "GetTask": {"id": task.id},
            "CancelTask": {"id": task.id},
            "SubscribeToTask": {"id": task.id},
            "SendMessage": sent("hi", taskId=task.id),
            "ListTasks": {"contextId": task.context_id},
            "SendStreamingMessage": sent("hi", contextId=task.context_id),
        }
        for method, params in asked.items():
            error = await ask(api, method, params, **BOB)
            expected = -32602 if "contextId" in str(params) else -32001
            assert (method, error.get("code")) == (method, expected)
            assert "only ann" not in str(error)
            assert "Create it first" not in str(error)
        runs = await api.http.get(f"/threads/{task.context_id}/runs", headers=ANN)
        assert len(runs.json()) == 1
        for headers in ({}, {"authorization": "x"}):
            card = await api.http.get("/a2a/chat", headers=headers)
            answer: httpx.Response = await api.http.post(
                "/a2a/chat", json=rpc("GetTask", {"id": task.id}), headers=headers
            )
            assert (card.status_code, answer.status_code) == (401, 401)
