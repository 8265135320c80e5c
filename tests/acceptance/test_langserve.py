"""/langserve by LangServe's own client, unless it says otherwise: `invoke`, `batch`, `stream`."""

import asyncio
import json
from typing import Any
from uuid import uuid4

import httpx
import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.messages.ai import add_ai_message_chunks

from graphs.chat import graph as chat
from graphs.progress import graph as progress
from tests.support.langserve import all_of, packed, remote
from tests.support.server import Deployment

HELLO: Any = {"messages": [{"type": "human", "content": "good morning"}]}


def on_thread(name: str) -> Any:
    return {"configurable": {"thread_id": name}}


def texts(values: Any) -> list[str]:
    return [message.text for message in values["messages"]]


async def test_invoke_gives_the_final_values_as_objects(deployment: Deployment) -> None:
    async with remote(deployment.http, "chat") as graph:
        values = await graph.ainvoke({"messages": [HumanMessage("good morning")]})
        assert texts(values) == ["good morning", "You said: good morning"]
        assert [type(message) for message in values["messages"]] == [HumanMessage, AIMessage]
        assert texts(await asyncio.to_thread(graph.invoke, HELLO)) == texts(values)


async def test_messages_put_together_from_a_stream_can_be_sent_back(embedded: Deployment) -> None:
    async with remote(embedded.http, "chat") as graph:
        chunks = [chunk async for chunk, _ in graph.astream(HELLO, stream_mode="messages")]
        said = add_ai_message_chunks(*chunks)
        values = await graph.ainvoke({"messages": [*HELLO["messages"], said]})
    assert texts(values) == ["good morning", said.text, "You said: good morning"]


async def test_an_assistant_can_be_called_like_its_graph(deployment: Deployment) -> None:
    made = await deployment.client.assistants.create("chat", name="Polly")
    async with remote(deployment.http, made["assistant_id"]) as graph:
        assert texts(await graph.ainvoke(HELLO))[-1] == "You said: good morning"


async def test_a_call_is_a_run(deployment: Deployment) -> None:
    body = {
        "input": {"text": "hi"},
        "config": {"metadata": {"why": "test"}, "tags": ["t"], "run_name": "call"},
    }
    answer = await deployment.http.post("/langserve/echo/invoke", json=body)
    run = (await deployment.http.get(answer.headers["content-location"])).json()
    assert answer.json()["metadata"] == {"run_id": run["run_id"], "feedback_tokens": []}
    assert (run["status"], run["metadata"]["why"]) == ("success", "test")
    assert (run["kwargs"]["config"]["tags"], run["kwargs"]["config"]["run_name"]) == (["t"], "call")


async def test_without_a_thread_nothing_is_remembered(deployment: Deployment) -> None:
    async with remote(deployment.http, "chat") as graph:
        await graph.ainvoke(HELLO)
        assert len((await graph.ainvoke(HELLO))["messages"]) == 2


@pytest.mark.parametrize("name", ["ann's conversation", None], ids=["any name", "a UUID"])
async def test_a_thread_remembers(deployment: Deployment, name: str | None) -> None:
    config = on_thread(f"{name} {uuid4()}" if name else str(uuid4()))
    async with remote(deployment.here.http, "chat") as graph:
        await graph.ainvoke(HELLO, config)
    async with remote(deployment.there.http, "chat") as graph:
        assert len((await graph.ainvoke(HELLO, config))["messages"]) == 4
        assert len(await all_of(graph.astream(HELLO, config))) == 1
        assert len((await graph.ainvoke(None, config))["messages"]) == 6


async def test_stream_yields_what_the_graphs_own_stream_yields(deployment: Deployment) -> None:
    local = await all_of(chat.astream(HELLO))
    async with remote(deployment.http, "chat") as graph:
        chunks = await all_of(graph.astream(HELLO))
        in_a_thread = await asyncio.to_thread(lambda: list(graph.stream(HELLO)))
    assert texts_of_nodes(chunks) == texts_of_nodes(in_a_thread) == texts_of_nodes(local)


def texts_of_nodes(chunks: list[Any]) -> list[dict[str, list[str]]]:
    return [{node: texts(update) for node, update in chunk.items()} for chunk in chunks]


@pytest.mark.parametrize(
    "kwargs",
    [
        {"stream_mode": "values"},
        {"stream_mode": "custom"},
        {"stream_mode": ["custom", "updates"]},
        {"stream_mode": ["values"]},
        {"stream_mode": "custom", "subgraphs": True},
        {"stream_mode": ["updates", "custom"], "subgraphs": True},
        {"interrupt_before": ["tidy"]},
    ],
    ids=str,
)
async def test_stream_takes_the_keyword_arguments_of_a_graph(
    embedded: Deployment, kwargs: Any
) -> None:
    async with remote(embedded.http, "progress") as graph:
        chunks = await all_of(graph.astream({"total": 2}, **kwargs))
    local = await all_of(progress.astream({"total": 2}, **kwargs))
    assert [as_json(chunk) for chunk in chunks] == [as_json(chunk) for chunk in local]


def as_json(value: Any) -> Any:
    """Tuples as lists, and without the ids of tasks."""
    if isinstance(value, list | tuple):
        return [as_json(each) for each in value]
    if isinstance(value, str):
        return value.partition(":")[0]
    if isinstance(value, dict):
        return {name: as_json(each) for name, each in value.items()}
    return value


async def test_the_bytes_of_a_stream(embedded: Deployment) -> None:
    answer = await embedded.http.post("/langserve/echo/stream", json={"input": {"text": "hi"}})
    run_id = answer.headers["content-location"].rpartition("/")[2]
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.text == (
        f'event: metadata\ndata: {{"run_id":"{run_id}"}}\n\n'
        'event: data\ndata: {"echo":{"text":"hi"}}\n\n'
        "event: end\n\n"
    )


async def test_a_graph_that_fails_is_an_error_of_the_server(deployment: Deployment) -> None:
    async with remote(deployment.http, "faulty") as graph:
        with pytest.raises(httpx.HTTPStatusError, match="ValueError: told to fail") as invoked:
            await graph.ainvoke({"verb": "raise"})
        assert invoked.value.response.status_code == 500
        chunks = graph.astream({"verb": "raise"})
        assert list(await anext(chunks)) == ["before"]
        with pytest.raises(httpx.HTTPStatusError, match="ValueError: told to fail") as streamed:
            await anext(chunks)
        assert streamed.value.response.status_code == 500


async def test_an_unknown_graph_is_a_404(embedded: Deployment) -> None:
    async with remote(embedded.http, "nobody") as graph:
        with pytest.raises(httpx.HTTPStatusError, match="'nobody' is neither a graph") as refused:
            await graph.ainvoke({})
        assert refused.value.response.status_code == 404
        with pytest.raises(httpx.HTTPStatusError, match="404"):
            await anext(graph.astream({}))


async def test_a_batch_keeps_the_order(deployment: Deployment) -> None:
    inputs = [{"text": str(number)} for number in range(7)]
    async with remote(deployment.http, "echo") as graph:
        assert await graph.abatch(inputs) == inputs
        assert await graph.abatch(inputs, {"max_concurrency": 2}) == inputs
        assert await asyncio.to_thread(graph.batch, inputs) == inputs
        assert await graph.abatch([]) == []


async def test_a_batch_may_have_a_config_for_each(embedded: Deployment) -> None:
    configs: Any = [on_thread(str(uuid4())), {"metadata": {"why": "second"}}]
    async with remote(embedded.http, "chat") as graph:
        await graph.ainvoke(HELLO, configs[0])
        first, second = await graph.abatch([HELLO, HELLO], configs)
    assert (len(first["messages"]), len(second["messages"])) == (4, 2)


async def test_each_call_of_a_batch_is_a_run(embedded: Deployment) -> None:
    body = {"inputs": [{"text": "a"}, {"text": "b"}], "config": [{}, {"tags": ["second"]}]}
    answer = (await embedded.http.post("/langserve/echo/batch", json=body)).json()
    run_ids = answer["metadata"]["run_ids"]
    assert answer["metadata"]["responses"] == [
        {"run_id": run_id, "feedback_tokens": []} for run_id in run_ids
    ]
    runs = [(await embedded.http.get(f"/runs/{run_id}")).json() for run_id in run_ids]
    assert [run["kwargs"]["config"].get("tags") for run in runs] == [None, ["second"]]


async def test_a_batch_fails_with_its_first_failure(deployment: Deployment) -> None:
    inputs = [{"verb": "hang"}, {"verb": "raise"}, {"verb": "hang"}]
    async with remote(deployment.http, "faulty") as graph:
        with pytest.raises(httpx.HTTPStatusError, match=r"inputs\[1\]: ValueError: told to fail"):
            await graph.abatch(inputs)


async def test_a_config_may_stand_in_the_path(embedded: Deployment) -> None:
    config = {"configurable": {"language": "en", "tone": "dry"}, "tags": ["path"]}
    body = {"input": {"text": "hi"}, "config": {"configurable": {"tone": "warm"}}}
    answer = await embedded.http.post(
        f"/langserve/echo/c/{packed(json.dumps(config))}/invoke", json=body
    )
    run = (await embedded.http.get(answer.headers["content-location"])).json()
    used = run["kwargs"]["config"]
    assert used["configurable"].items() >= {"language": "en", "tone": "warm"}.items()
    assert used["tags"] == ["path"]
    refused = await embedded.http.post("/langserve/echo/c/nonsense/invoke", json=body)
    assert (refused.status_code, "config_hash" in refused.text) == (422, True)


@pytest.mark.parametrize("name", ["chat", "joke"])
async def test_schemas_are_those_of_the_graph(embedded: Deployment, name: str) -> None:
    schemas = (await embedded.http.get(f"/assistants/{name}/schemas")).json()
    for which in ("input_schema", "output_schema"):
        answer = await embedded.http.get(f"/langserve/{name}/{which}")
        assert answer.json() == schemas[which] != {}
    config = (await embedded.http.get(f"/langserve/{name}/config_schema")).json()
    assert config["properties"].keys() >= {"configurable", "tags", "metadata", "recursion_limit"}


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({}, "input: is required."),
        ({"input": {}, "config": {"recursion_limit": 0}}, "config.recursion_limit: "),
        ({"input": {}, "kwargs": {"stream_mode": "tokens"}}, "kwargs.stream_mode: "),
        ({"input": {}, "config": on_thread("")}, "config.configurable.thread_id: "),
        ({"input": {}, "kwargs": {"version": "v1"}}, "kwargs.version: "),
    ],
    ids=str,
)
async def test_what_cannot_be_read_is_a_422(embedded: Deployment, body: Any, told: str) -> None:
    answer = await embedded.http.post("/langserve/echo/stream", json=body)
    assert (answer.status_code, answer.json()["detail"].startswith(told)) == (422, True)


async def test_a_batch_with_too_few_configs_is_a_422(embedded: Deployment) -> None:
    body: Any = {"inputs": [{}, {}], "config": [{}]}
    answer = await embedded.http.post("/langserve/echo/batch", json=body)
    assert (answer.status_code, "one for each of the 2 inputs" in answer.text) == (422, True)
