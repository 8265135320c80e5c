"""/v1/models and /v1/chat/completions, by the official OpenAI client unless it says otherwise."""

import json
from typing import Any
from uuid import uuid4

import openai
import pytest
from openai import AsyncOpenAI

from tests.support.openai import contents, openai_to, order, user
from tests.support.server import Deployment


@pytest.fixture
async def client(deployment: Deployment) -> Any:
    async with openai_to(deployment.here.http) as connected:
        yield connected


async def streamed(client: AsyncOpenAI, model: str, *messages: Any, **options: Any) -> list[Any]:
    chunks = await client.chat.completions.create(
        model=model, messages=list(messages), stream=True, **options
    )
    return [chunk async for chunk in chunks]


async def test_models_are_the_assistants_that_take_messages(
    client: AsyncOpenAI, deployment: Deployment
) -> None:
    made = await deployment.client.assistants.create("chat", name="Polly")
    await deployment.client.assistants.create("echo")
    models = [model async for model in client.models.list()]
    ids = {model.id for model in models}
    assert ids >= {"chat", "agent", "essay", made["assistant_id"]}
    assert not ids & {"echo", "approval", "counter"}
    assert {model.object for model in models} == {"model"}
    assert (await client.models.retrieve("chat")).id == "chat"
    assert (await client.models.retrieve(made["assistant_id"])).id == made["assistant_id"]


async def test_a_conversation_is_continued(client: AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(
        model="chat",
        messages=[
            {"role": "system", "content": "Repeat what you hear."},
            user("first"),
            {"role": "assistant", "content": "You said: first"},
            user("good morning"),
        ],
    )
    [choice] = answer.choices
    assert (choice.message.role, choice.message.content) == ("assistant", "You said: good morning")
    assert (choice.finish_reason, choice.message.tool_calls) == ("stop", None)
    assert (answer.object, answer.model, answer.usage) == ("chat.completion", "chat", None)


async def test_an_answer_is_named_after_its_run(
    client: AsyncOpenAI, deployment: Deployment
) -> None:
    raw = await client.chat.completions.with_raw_response.create(
        model="chat", messages=[user("hi")], metadata={"why": "test"}
    )
    run = (await deployment.http.get(raw.headers["content-location"])).json()
    prefix, _, run_id = raw.parse().id.partition("-")
    assert (prefix, run_id) == ("chatcmpl", run["run_id"].replace("-", ""))
    assert (run["status"], run["metadata"]["why"]) == ("success", "test")


async def test_tokens_are_streamed_one_by_one(client: AsyncOpenAI) -> None:
    first, *chunks = await streamed(client, "chat", user("streams may be left"))
    assert first.choices[0].delta.role == "assistant"
    assert contents(chunks) == ["You ", "said: ", "streams ", "may ", "be ", "left"]
    assert [chunk.choices[0].finish_reason for chunk in chunks[-2:]] == [None, "stop"]
    assert len({(chunk.id, chunk.created, chunk.model) for chunk in (first, *chunks)}) == 1


async def test_the_bytes_of_a_stream(deployment: Deployment) -> None:
    body = {"model": "chat", "messages": [user("hi")], "stream": True}
    answer = await deployment.http.post("/v1/chat/completions", json=body)
    assert answer.headers["content-type"].startswith("text/event-stream")
    *events, done, rest = answer.text.split("\n\n")
    assert (done, rest) == ("data: [DONE]", "")
    assert all(json.loads(event.removeprefix("data: "))["choices"] for event in events)


@pytest.mark.parametrize(
    "what",
    [
        {"say": "word by word"},
        {"say": "all at once", "whole": True},
        {"inside": "from a subgraph"},
        {"ask": "Which one?"},
        {"ask": {"question": "Which one?", "of": [1, 2]}},
        {"say": "Let us see", "call": {"name": "look", "args": {"at": "this"}}},
        {"call": {"name": "look", "args": {}}},
    ],
    ids=json.dumps,
)
async def test_streamed_or_not_the_answer_is_the_same(client: AsyncOpenAI, what: Any) -> None:
    whole = await client.chat.completions.create(model="speaker", messages=[order(**what)])
    [choice] = whole.choices
    async with client.chat.completions.stream(model="speaker", messages=[order(**what)]) as stream:
        [added] = (await stream.get_final_completion()).choices
    assert (added.message.content or "") == (choice.message.content or "")
    assert added.finish_reason == choice.finish_reason
    assert calls_in(added.message) == calls_in(choice.message)


def calls_in(message: Any) -> list[Any]:
    return [
        (call.id, call.function.name, json.loads(call.function.arguments))
        for call in message.tool_calls or ()
    ]


async def test_a_tool_call_is_the_clients_when_no_tool_answers_it(client: AsyncOpenAI) -> None:
    question = order(call={"name": "look", "args": {"at": "this"}})
    answer = await client.chat.completions.create(model="speaker", messages=[question])
    [choice] = answer.choices
    [call] = choice.message.tool_calls or []
    assert call.type == "function"
    assert (choice.finish_reason, choice.message.content) == ("tool_calls", None)
    assert (call.function.name, call.function.arguments) == ("look", '{"at":"this"}')
    said: Any = choice.message.model_dump(exclude_none=True)
    result: Any = {"role": "tool", "tool_call_id": call.id, "content": "seen"}
    following = await client.chat.completions.create(
        model="speaker", messages=[question, said, result, order(say="I see")]
    )
    assert following.choices[0].message.content == "I see"


async def test_calls_of_the_graphs_own_tools_are_told_but_not_the_clients(
    client: AsyncOpenAI,
) -> None:
    chunks = await streamed(client, "agent", user("What is 2 + 3?"))
    deltas = [
        call for chunk in chunks for each in chunk.choices for call in each.delta.tool_calls or ()
    ]
    assert [(call.index, call.id, call.function.name) for call in deltas] == [(0, "call_1", "add")]
    assert json.loads("".join(call.function.arguments for call in deltas)) == {"a": 2, "b": 3}
    assert "".join(contents(chunks)) == "The answer is 5"
    assert chunks[-1].choices[0].finish_reason == "stop"
    whole = await client.chat.completions.create(model="agent", messages=[user("What is 2 + 3?")])
    assert whole.choices[0].message.content == "The answer is 5"
    assert whole.choices[0].message.tool_calls is None


async def test_words_of_a_model_that_are_not_kept_are_only_streamed(client: AsyncOpenAI) -> None:
    question = order(think="Hm.", say="Yes.")
    assert contents(await streamed(client, "speaker", question)) == ["Hm.", "\n\nYes."]
    answer = await client.chat.completions.create(model="speaker", messages=[question])
    assert answer.choices[0].message.content == "Yes."


async def test_usage_is_told_when_the_model_reports_it(client: AsyncOpenAI) -> None:
    question = order(say="counted", usage=True)
    answer = await client.chat.completions.create(model="speaker", messages=[question])
    assert answer.usage is not None
    tokens = (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens)
    assert tokens == (3, 4, 7)
    *chunks, last = await streamed(
        client, "speaker", question, stream_options={"include_usage": True}
    )
    assert (last.choices, last.usage) == ([], answer.usage)
    assert all(chunk.usage is None for chunk in chunks)
    without = await streamed(client, "speaker", question)
    assert all(chunk.usage is None for chunk in without)


@pytest.mark.parametrize(
    ("told", "means"), [("length", "length"), ("max_tokens", "length"), ("end_turn", "stop")]
)
async def test_why_the_model_stopped(client: AsyncOpenAI, told: str, means: str) -> None:
    question = order(say="and so", because=told)
    answer = await client.chat.completions.create(model="speaker", messages=[question])
    chunks = await streamed(client, "speaker", question)
    assert answer.choices[0].finish_reason == means
    assert chunks[-1].choices[0].finish_reason == means


async def test_parts_of_a_message_reach_the_graph(client: AsyncOpenAI) -> None:
    parts: Any = [{"type": "text", "text": json.dumps({"say": "in parts"})}]
    answer = await client.chat.completions.create(
        model="speaker", messages=[{"role": "user", "content": parts}]
    )
    assert answer.choices[0].message.content == "in parts"


async def test_a_run_that_fails_is_an_error_and_is_not_asked_for_twice(
    client: AsyncOpenAI,
) -> None:
    patient = client.with_options(max_retries=2)
    with pytest.raises(openai.InternalServerError, match="told to fail") as raised:
        await patient.chat.completions.create(
            model="speaker", messages=[order(fail="told to fail")]
        )
    assert raised.value.code == "ValueError"
    assert raised.value.request.headers["x-stainless-retry-count"] == "0"


async def test_a_run_that_fails_ends_its_stream_with_an_error(client: AsyncOpenAI) -> None:
    with pytest.raises(openai.APIError, match="told to fail"):
        await streamed(client, "speaker", order(fail="told to fail"))


async def test_errors_have_the_shape_that_openai_gives_them(
    client: AsyncOpenAI, deployment: Deployment
) -> None:
    with pytest.raises(openai.NotFoundError) as unknown:
        await client.chat.completions.create(model="nobody", messages=[user("hi")])
    assert (unknown.value.code, unknown.value.param) == ("model_not_found", "model")
    with pytest.raises(openai.NotFoundError):
        await client.models.retrieve(str(uuid4()))
    with pytest.raises(openai.BadRequestError, match="no `messages` channel") as mute:
        await client.chat.completions.create(model="echo", messages=[user("hi")])
    assert (mute.value.type, mute.value.param) == ("invalid_request_error", "model")
    answer = await deployment.http.get("/v1/chat/completions")
    assert answer.status_code == 405
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": "hi"}, "messages"),
        ({"messages": [{"role": "nobody", "content": "hi"}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0]"),
        ({"messages": [{"role": "tool", "content": "5"}]}, "messages[0]"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content"),
        ({"n": 2}, "n"),
        ({"stream": "yes"}, "stream"),
        ({"metadata": []}, "metadata"),
    ],
    ids=str,
)
async def test_a_bad_field_is_named(client: AsyncOpenAI, wrong: Any, param: str) -> None:
    given: Any = {"model": "chat", "messages": [user("hi")], **wrong}
    with pytest.raises(openai.UnprocessableEntityError) as refused:
        await client.chat.completions.create(**given)
    assert refused.value.param == param


async def test_a_call_without_arguments_may_have_none(client: AsyncOpenAI) -> None:
    call = {"id": "1", "type": "function", "function": {"name": "look", "arguments": ""}}
    said: Any = {"role": "assistant", "tool_calls": [call]}
    result: Any = {"role": "tool", "tool_call_id": "1", "content": "seen"}
    answer = await client.chat.completions.create(
        model="chat", messages=[user("hi"), said, result, user("and?")]
    )
    assert answer.choices[0].message.content == "You said: and?"


async def test_arguments_that_are_no_json_are_refused(client: AsyncOpenAI) -> None:
    call = {"id": "1", "type": "function", "function": {"name": "look", "arguments": "{"}}
    said: Any = {"role": "assistant", "tool_calls": [call]}
    with pytest.raises(openai.UnprocessableEntityError, match="must be a JSON object"):
        await client.chat.completions.create(model="chat", messages=[user("hi"), said])
