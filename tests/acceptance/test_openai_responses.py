"""/v1/responses, by the official OpenAI client."""

from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import UUID

import openai
import pytest
from openai import AsyncOpenAI
from pydantic import BaseModel

from tests.support.openai import openai_to, order
from tests.support.server import Deployment
from tests.support.waiting import eventually

NOBODYS = UUID(int=1)
TOLD_WHOLE = [
    "response.created",
    "response.in_progress",
    "response.output_item.added",
    "response.content_part.added",
    *["response.output_text.delta"] * 4,
    "response.output_text.done",
    "response.content_part.done",
    "response.output_item.done",
    "response.completed",
]


class Counted(BaseModel):
    """What a model is to answer."""

    n: int


@pytest.fixture
async def client(deployment: Deployment) -> AsyncIterator[AsyncOpenAI]:
    async with openai_to(deployment.here.http) as connected:
        yield connected


@pytest.fixture
async def other(deployment: Deployment) -> AsyncIterator[AsyncOpenAI]:
    """A client of another API process, where there is one."""
    async with openai_to(deployment.there.http) as connected:
        yield connected


async def streamed(client: AsyncOpenAI, **asked: Any) -> list[Any]:
    return [event async for event in await client.responses.create(stream=True, **asked)]


def kinds(events: Sequence[Any]) -> list[str]:
    return [event.type for event in events]


def dumped(events: Sequence[Any]) -> list[Any]:
    return [event.model_dump() for event in events]


async def test_a_response_is_answered_and_can_be_read_again(
    client: AsyncOpenAI, other: AsyncOpenAI
) -> None:
    response = await client.responses.create(
        model="chat", input="good morning", metadata={"why": "test"}
    )
    assert response.output_text == "You said: good morning"
    assert (response.status, response.model, response.error) == ("completed", "chat", None)
    assert response.metadata == {"why": "test"}
    assert (await other.responses.retrieve(response.id)).model_dump() == response.model_dump()


async def test_a_response_is_streamed_in_every_event(client: AsyncOpenAI) -> None:
    events = await streamed(client, model="chat", input="good morning")
    assert kinds(events) == TOLD_WHOLE
    assert [event.sequence_number for event in events] == list(range(len(events)))
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert deltas == ["You ", "said: ", "good ", "morning"]
    final = events[-1].response
    assert events[-2].item.model_dump() == final.output[0].model_dump()
    assert (await client.responses.retrieve(final.id)).model_dump() == final.model_dump()


async def test_tool_calls_are_streamed(client: AsyncOpenAI) -> None:
    events = await streamed(client, model="agent", input="What is 2 + 3?")
    assert kinds(events)[2:6] == [
        "response.output_item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_item.done",
    ]
    assert (events[4].arguments, events[5].item.name) == ('{"a": 2, "b": 3}', "add")
    final = events[-1].response
    assert [item.type for item in final.output] == [
        "function_call",
        "function_call_output",
        "message",
    ]
    assert (final.output[1].call_id, final.output[1].output) == (final.output[0].call_id, "5")
    assert final.output_text == "The answer is 5"
    done = [event.item.id for event in events if event.type == "response.output_item.done"]
    assert done == [item.id for item in final.output]


async def test_a_tool_call_of_the_clients_is_answered(client: AsyncOpenAI) -> None:
    called = await client.responses.create(
        model="speaker", input=[order(call={"name": "look", "args": {"at": "this"}})]
    )
    [call] = called.output
    assert call.type == "function_call"
    seen: Any = {"type": "function_call_output", "call_id": call.call_id, "output": "seen"}
    answered = await client.responses.create(
        model="speaker", previous_response_id=called.id, input=[seen, order(say="I see")]
    )
    assert answered.output_text == "I see"
    history = [seen | {"type": "function_call", "name": "look", "arguments": "{}"}, seen]
    alone = await client.responses.create(
        model="speaker", store=False, input=[*history, order(say="I see too")]
    )
    assert alone.output_text == "I see too"


async def test_the_events_of_a_message_that_was_not_streamed(client: AsyncOpenAI) -> None:
    [*_, last] = events = await streamed(
        client, model="speaker", input=[order(say="x", whole=True)]
    )
    assert kinds(events) == list(dict.fromkeys(TOLD_WHOLE))
    assert last.response.output_text == "x"


async def test_a_response_is_continued_on_its_thread(
    client: AsyncOpenAI, deployment: Deployment
) -> None:
    first = await client.responses.create(model="chat", input="one")
    second = await client.responses.create(model="chat", input="two", previous_response_id=first.id)
    assert second.output_text == "You said: two"
    assert second.previous_response_id == first.id
    assert second.conversation is not None
    assert second.conversation == first.conversation
    third = await client.responses.create(
        model="chat", input="three", conversation={"id": second.conversation.id}
    )
    assert third.output_text == "You said: three"
    thread_id = second.conversation.id.removeprefix("conv_")
    state: Any = await deployment.client.threads.get_state(thread_id)
    assert [message["content"] for message in state["values"]["messages"]] == [
        *("one", "You said: one", "two", "You said: two", "three", "You said: three")
    ]
    again = await client.responses.retrieve(first.id)
    assert again.output_text == "You said: one"


async def test_an_earlier_response_is_continued_on_a_branch(
    client: AsyncOpenAI, deployment: Deployment
) -> None:
    first = await client.responses.create(model="chat", input="one")
    await client.responses.create(model="chat", input="two", previous_response_id=first.id)
    branch = await client.responses.create(model="chat", input="or", previous_response_id=first.id)
    assert branch.conversation is not None
    thread_id = branch.conversation.id.removeprefix("conv_")
    state: Any = await deployment.client.threads.get_state(thread_id)
    assert [message["content"] for message in state["values"]["messages"]] == [
        *("one", "You said: one", "or", "You said: or")
    ]


async def test_a_conversation_is_begun_held_and_deleted(
    client: AsyncOpenAI, other: AsyncOpenAI, deployment: Deployment
) -> None:
    begun = await client.conversations.create(metadata={"topic": "test"})
    assert (begun.object, begun.metadata) == ("conversation", {"topic": "test"})
    assert (await other.conversations.retrieve(begun.id)).model_dump() == begun.model_dump()
    response = await client.responses.create(model="chat", input="one", conversation=begun.id)
    assert response.conversation is not None
    assert response.conversation.id == begun.id
    changed: Any = await client.conversations.update(begun.id, metadata={"mood": "good"})
    assert changed.metadata.items() >= {"topic": "test", "mood": "good"}.items()
    thread = await deployment.client.threads.get(begun.id.removeprefix("conv_"))
    assert thread["metadata"] == changed.metadata
    deleted = await client.conversations.delete(begun.id)
    assert (deleted.id, deleted.deleted) == (begun.id, True)
    for gone in (
        client.conversations.retrieve(begun.id),
        client.conversations.delete(begun.id),
        client.responses.retrieve(response.id),
        client.responses.create(model="chat", input="two", conversation=begun.id),
    ):
        with pytest.raises(openai.NotFoundError):
            await gone


async def test_a_conversation_begins_with_nothing_said(client: AsyncOpenAI) -> None:
    said: Any = {"type": "message", "role": "user", "content": "hi"}
    with pytest.raises(openai.UnprocessableEntityError, match="first response") as refused:
        await client.conversations.create(items=[said])
    assert refused.value.param == "items"
    assert (await client.conversations.create(items=[])).metadata == {}


async def test_what_is_not_stored_leaves_no_thread(
    client: AsyncOpenAI, deployment: Deployment
) -> None:
    response = await client.responses.create(model="chat", input="hi", store=False)
    assert (response.output_text, response.conversation) == ("You said: hi", None)
    with pytest.raises(openai.BadRequestError, match="was not stored"):
        await client.responses.create(model="chat", input="x", previous_response_id=response.id)


async def test_a_question_of_the_graph_is_answered_by_the_next_input(client: AsyncOpenAI) -> None:
    asked = await client.responses.create(model="speaker", input=[order(ask="Which one?")])
    assert asked.output_text == "Which one?"
    assert asked.incomplete_details is not None
    assert (asked.status, asked.incomplete_details.reason) == ("incomplete", "interrupted")
    [*_, last] = await streamed(
        client, model="speaker", input="the red one", previous_response_id=asked.id
    )
    assert last.type == "response.completed"
    assert last.response.output_text == "You answered the red one"
    assert (await client.responses.retrieve(last.response.id)).output_text == (
        "You answered the red one"
    )


async def test_a_question_is_streamed(client: AsyncOpenAI) -> None:
    [*_, last] = events = await streamed(client, model="speaker", input=[order(ask="Which one?")])
    assert last.type == "response.incomplete"
    assert (
        "".join(e.delta for e in events if e.type == "response.output_text.delta") == "Which one?"
    )


async def test_a_background_response_is_come_back_to(
    client: AsyncOpenAI, other: AsyncOpenAI
) -> None:
    begun = await client.responses.create(model="chat", input="good morning", background=True)
    assert begun.status in ("queued", "in_progress")
    assert begun.background is True

    async def ended() -> Any:
        found = await other.responses.retrieve(begun.id)
        return found if found.status not in ("queued", "in_progress") else None

    assert (await eventually(ended)).output_text == "You said: good morning"


async def test_a_stream_is_resumed_behind_each_of_its_events(
    client: AsyncOpenAI, other: AsyncOpenAI
) -> None:
    events = await streamed(client, model="agent", input="What is 2 + 3?", background=True)
    response_id = events[0].response.id
    for after in (None, *range(len(events))):
        position: Any = {} if after is None else {"starting_after": after}
        resumed = await other.responses.retrieve(response_id, stream=True, **position)
        rest = [event async for event in resumed]
        assert dumped(rest) == dumped(events[0 if after is None else after + 1 :])


async def test_a_stream_is_left_and_joined_while_it_runs(
    client: AsyncOpenAI, other: AsyncOpenAI
) -> None:
    waiting = {"model": "speaker", "input": [order(say="once upon a time", wait=True)]}
    seen: list[Any] = []
    stream = await client.responses.create(stream=True, background=True, **waiting)  # type: ignore[call-overload]  # of any shape
    async for event in stream:
        seen.append(event)
        if event.type == "response.output_text.delta":
            break
    await stream.close()
    response_id = seen[0].response.id
    joined = await other.responses.retrieve(
        response_id, stream=True, starting_after=seen[-1].sequence_number
    )
    async for event in joined:
        seen.append(event)
        if len(seen) == 8:
            assert (await client.responses.retrieve(response_id)).status == "in_progress"
            assert (await client.responses.cancel(response_id)).status == "cancelled"
    assert [event.sequence_number for event in seen] == list(range(len(seen)))
    deltas = [event.delta for event in seen if event.type == "response.output_text.delta"]
    assert "".join(deltas) == "once upon a time"
    assert (seen[-1].type, seen[-1].response.status) == ("response.incomplete", "cancelled")
    assert (await client.responses.cancel(response_id)).status == "cancelled"


async def test_usage_and_early_ends(client: AsyncOpenAI) -> None:
    response = await client.responses.create(
        model="speaker", input=[order(say="and so", usage=True, because="length")]
    )
    assert response.usage is not None
    assert response.usage.total_tokens == 7
    assert response.incomplete_details is not None
    assert (response.status, response.incomplete_details.reason) == (
        "incomplete",
        "max_output_tokens",
    )


async def test_a_run_that_fails_is_a_failed_response(client: AsyncOpenAI) -> None:
    response = await client.responses.create(model="speaker", input=[order(fail="told to fail")])
    assert response.error is not None
    assert (response.status, response.error.message) == ("failed", "ValueError: told to fail")
    [*_, last] = await streamed(client, model="speaker", input=[order(fail="told to fail")])
    assert (last.type, last.response.error) == ("response.failed", response.error)


async def test_instructions_and_parts_reach_the_graph(
    client: AsyncOpenAI, deployment: Deployment
) -> None:
    parts: Any = [{"type": "input_text", "text": "look"}]
    response = await client.responses.create(
        model="chat", instructions="Be kind.", input=[{"role": "user", "content": parts}]
    )
    assert (response.output_text, response.instructions) == ("You said: look", "Be kind.")
    assert response.conversation is not None
    thread_id = response.conversation.id.removeprefix("conv_")
    state: Any = await deployment.client.threads.get_state(thread_id)
    assert [message["type"] for message in state["values"]["messages"]] == [
        *("system", "human", "ai")
    ]


async def test_what_a_model_has_said_and_called_at_once_is_one_message(
    client: AsyncOpenAI, deployment: Deployment
) -> None:
    """Two calls at once, as a client repeats them that keeps the conversation itself."""

    def call(call_id: str) -> Any:
        return {"type": "function_call", "call_id": call_id, "name": "look", "arguments": "{}"}

    def result(call_id: str) -> Any:
        return {"type": "function_call_output", "call_id": call_id, "output": "seen"}

    said: Any = {"type": "message", "role": "assistant", "content": "Let us see"}
    items = [*(said, call("a"), call("b"), result("a"), result("b")), call("c"), result("c")]
    response = await client.responses.create(model="chat", input=items)
    assert response.conversation is not None
    thread_id = response.conversation.id.removeprefix("conv_")
    state: Any = await deployment.client.threads.get_state(thread_id)
    kept = [
        (message["type"], [each["id"] for each in message.get("tool_calls", ())])
        for message in state["values"]["messages"]
    ]
    assert kept[:-1] == [
        ("ai", ["a", "b"]),
        ("tool", []),
        ("tool", []),
        ("ai", ["c"]),
        ("tool", []),
    ]


async def test_the_clients_helpers_understand_what_is_said(client: AsyncOpenAI) -> None:
    question, parsed = order(say='{"n": 5}'), Counted(n=5)
    response = await client.responses.parse(model="speaker", input=[question], text_format=Counted)
    assert response.output_parsed == parsed
    async with client.responses.stream(
        model="speaker", input=[question], text_format=Counted
    ) as stream:
        assert (await stream.get_final_response()).output_parsed == parsed
    async with client.responses.stream(
        response_id=response.id, text_format=Counted, starting_after=4
    ) as resumed:
        assert (await resumed.get_final_response()).output_parsed == parsed
    completion = await client.chat.completions.parse(
        model="speaker", messages=[question], response_format=Counted
    )
    assert completion.choices[0].message.parsed == parsed


async def test_a_deleted_response_is_gone(client: AsyncOpenAI) -> None:
    response = await client.responses.create(model="chat", input="hi")
    await client.responses.delete(response.id)
    with pytest.raises(openai.NotFoundError):
        await client.responses.retrieve(response.id)


@pytest.mark.parametrize(
    ("wrong", "error", "param"),
    [
        ({"model": "nobody"}, openai.NotFoundError, "model"),
        ({"input": []}, openai.UnprocessableEntityError, "input"),
        ({"input": [{"type": "function_call"}]}, openai.UnprocessableEntityError, "input[0]"),
        ({"conversation": 5}, openai.UnprocessableEntityError, "conversation"),
        ({"background": True, "store": False}, openai.BadRequestError, "background"),
        ({"previous_response_id": "resp_1"}, openai.NotFoundError, "previous_response_id"),
        (
            {"previous_response_id": f"resp_{NOBODYS.hex}"},
            openai.NotFoundError,
            "previous_response_id",
        ),
        ({"conversation": "conv_1"}, openai.NotFoundError, "conversation"),
        ({"conversation": f"conv_{NOBODYS.hex}"}, openai.NotFoundError, "conversation"),
        (
            {"conversation": NOBODYS.hex, "previous_response_id": "resp_1"},
            openai.BadRequestError,
            "conversation",
        ),
    ],
    ids=str,
)
async def test_what_is_wrong_is_named(
    client: AsyncOpenAI, wrong: Any, error: type[openai.APIStatusError], param: str
) -> None:
    given: Any = {"model": "chat", "input": "hi", **wrong}
    with pytest.raises(error) as refused:
        await client.responses.create(**given)
    assert refused.value.param == param
