"""/a2a by the official client of the Agent2Agent protocol, in both versions of it."""

from typing import Any
from uuid import uuid4

import pytest
from a2a.types import a2a_pb2 as words
from a2a.utils.errors import (
    ContentTypeNotSupportedError,
    InvalidParamsError,
    TaskNotCancelableError,
    TaskNotFoundError,
    UnsupportedOperationError,
)
from google.protobuf.json_format import MessageToDict

from tests.support.a2a import (
    NEW,
    OLD,
    a2a_client,
    built,
    given,
    order,
    result,
    said,
    state,
    task_of,
)
from tests.support.server import Deployment

in_both_versions = pytest.mark.parametrize("version", [NEW, OLD])
RAIN: Any = {"topic": "rain"}


async def test_a_card_says_what_an_agent_is(deployment: Deployment) -> None:
    made = await deployment.client.assistants.create(
        "chat",
        name="Polly",
        description="Repeats what it hears.",
        metadata={"a2a": {"input_modes": ["text/plain", "image/*"]}},
    )
    path = f"/a2a/{made['assistant_id']}"
    cards = [
        (await deployment.http.get(f"{path}{end}")).json()
        for end in ("", "/.well-known/agent-card.json", "/.well-known/agent.json")
    ]
    of_server = await deployment.http.get(
        "/.well-known/agent-card.json", params={"assistant_id": made["assistant_id"]}
    )
    await deployment.client.assistants.delete(made["assistant_id"])
    [card] = [card for card in cards if card == of_server.json()][:1]
    assert cards == [card] * 3
    assert (card["name"], card["description"]) == ("Polly", "Repeats what it hears.")
    assert card["url"] == f"{deployment.http.base_url}{path}".replace("//a2a", "/a2a")
    assert card["capabilities"] == {"streaming": True, "pushNotifications": False}
    assert card["defaultInputModes"] == ["text/plain", "image/*"]
    assert card["defaultOutputModes"] == ["text/plain"]
    unnamed = await deployment.http.get("/.well-known/agent-card.json")
    assert unnamed.status_code == 422
    assert "DEFAULT_A2A_ASSISTANT_ID" in unnamed.json()["detail"]


@in_both_versions
async def test_a_message_is_a_task_and_its_answer_an_artifact(
    deployment: Deployment, version: str
) -> None:
    async with a2a_client(deployment.here.http, "chat", version=version) as client:
        task = await task_of(client, said("good morning"))
        assert (state(task), result(task)) == ("completed", "You said: good morning")
        next_one = await task_of(client, said("good night", context_id=task.context_id))
    assert next_one.context_id == task.context_id
    assert next_one.id != task.id
    async with a2a_client(deployment.there.http, "chat", version=version) as other:
        found = await other.get_task(words.GetTaskRequest(id=task.id))
    assert found == task
    assert [part.text for each in found.history for part in each.parts] == ["good morning"]
    values: Any = (await deployment.client.threads.get_state(task.context_id))["values"]
    assert len(values["messages"]) == 4


@in_both_versions
async def test_a_graph_without_messages_takes_and_gives_data(
    deployment: Deployment, version: str
) -> None:
    async with a2a_client(deployment.http, "echo", version=version) as client:
        task = await task_of(client, given({"text": "hi"}))
        assert (state(task), result(task)) == ("completed", {"text": "hi"})
        with pytest.raises(ContentTypeNotSupportedError, match="send its input as a part of data"):
            await task_of(client, said("hi"))


@in_both_versions
async def test_a_stream_tells_the_artifact_piece_by_piece(
    deployment: Deployment, version: str
) -> None:
    async with a2a_client(deployment.http, "chat", version=version, streaming=True) as client:
        events = [event async for event in client.send_message(said("good morning"))]
        task = built(events)
        assert events[0].HasField("task")
        assert task.states == ["submitted", "working", "completed"]
        assert task.pieces == ["You ", "said: ", "good ", "morning", "You said: good morning"]
        assert task.text == "You said: good morning"
        with pytest.raises(UnsupportedOperationError, match="is over"):
            await anext(client.subscribe(words.SubscribeToTaskRequest(id=task.task_id)))


@in_both_versions
async def test_nodes_tell_how_far_they_are(deployment: Deployment, version: str) -> None:
    async with a2a_client(deployment.http, "progress", version=version, streaming=True) as client:
        events = [event async for event in client.send_message(given({"total": 2}))]
    told = [
        [MessageToDict(part) for part in event.status_update.status.message.parts]
        for event in events
        if event.status_update.status.message.parts
    ]
    assert [words["text"] for words, _ in told] == [
        *("1 of 2", "2 of 2"),
        *("nobody knows how long", "all in order"),
    ]
    assert told[0][1]["data"]["fraction"] == 0.5
    result = MessageToDict(events[-2].artifact_update.artifact.parts[0])["data"]
    assert result["result"] == "2 of 2 done"


@in_both_versions
async def test_a_question_is_answered_by_a_message_to_its_task(
    deployment: Deployment, version: str
) -> None:
    async with a2a_client(deployment.here.http, "approval", version=version) as client:
        task = await task_of(client, given(RAIN))
        assert state(task) == "input_required"
        [question] = task.status.message.parts
        assert MessageToDict(question.data)["question"] == "Publish this?"
    async with a2a_client(deployment.there.http, "approval", version=version) as other:
        wrong = said("yes", task_id=task.id, context_id=str(uuid4()))
        with pytest.raises(Exception, match="is not that of the task"):
            await task_of(other, wrong)
        answered = await task_of(other, said("yes", task_id=task.id))
        assert (answered.id, answered.context_id) == (task.id, task.context_id)
        assert (state(answered), result(answered)["published"]) == ("completed", True)
        found = await other.get_task(words.GetTaskRequest(id=task.id))
        assert found == answered
        assert [part.text for part in found.history[-1].parts] == ["yes"]
        with pytest.raises(UnsupportedOperationError, match="asks nothing"):
            await task_of(other, said("no", task_id=task.id))


async def test_the_answer_to_a_question_is_streamed(deployment: Deployment) -> None:
    async with a2a_client(deployment.http, "speaker", streaming=True) as client:
        asks = built([event async for event in client.send_message(order(ask="Which?"))])
        assert asks.states[-1] == "input_required"
        request = said("this", task_id=asks.task_id)
        answer = built([event async for event in client.send_message(request)])
        assert (answer.task_id, answer.states[-1]) == (asks.task_id, "completed")
        assert "this" in answer.text


async def test_several_questions_are_answered_together(deployment: Deployment) -> None:
    async with a2a_client(deployment.http, "two_questions") as client:
        task = await task_of(client, given({}))
        assert state(task) == "input_required"
        asked = [
            MessageToDict(part)["metadata"]["interrupt_id"] for part in task.status.message.parts
        ]
        assert len(asked) == 2
        with pytest.raises(Exception, match="an answer for each of"):
            await task_of(client, said("yes", task_id=task.id))
        answered = await task_of(client, given(dict.fromkeys(asked, "yes"), task_id=task.id))
        assert state(answered) == "completed"


@in_both_versions
async def test_a_failure_says_what_the_graph_said(deployment: Deployment, version: str) -> None:
    async with a2a_client(deployment.http, "faulty", version=version) as client:
        task = await task_of(client, given({"verb": "raise"}))
    assert state(task) == "failed"
    assert [part.text for part in task.status.message.parts] == ["ValueError: told to fail"]
    assert not task.artifacts


@in_both_versions
async def test_a_task_can_be_left_found_and_cancelled(deployment: Deployment, version: str) -> None:
    async with a2a_client(deployment.here.http, "faulty", version=version) as client:
        request = given({"verb": "hang"})
        request.configuration.return_immediately = True
        task = await task_of(client, request)
        assert state(task) in ("submitted", "working")
        async with a2a_client(deployment.there.http, "faulty", version=version) as other:
            cancelled = await other.cancel_task(words.CancelTaskRequest(id=task.id))
        assert (cancelled.id, state(cancelled)) == (task.id, "canceled")
        with pytest.raises(TaskNotCancelableError, match="nothing of task"):
            await client.cancel_task(words.CancelTaskRequest(id=task.id))


async def test_the_tasks_of_a_context_are_listed(deployment: Deployment) -> None:
    async with a2a_client(deployment.http, "speaker") as client:
        first = await task_of(client, order(say="one"))
        context = first.context_id

        async def next_task(**what: Any) -> words.Task:
            request = order(**what)
            request.message.context_id = context
            return await task_of(client, request)

        second, third = await next_task(fail="no"), await next_task(ask="what?")
        answered = await task_of(client, said("that", task_id=third.id))
        page = await client.list_tasks(words.ListTasksRequest(context_id=context, page_size=2))
        assert [task.id for task in page.tasks] == [third.id, second.id]
        assert (page.total_size, page.page_size, page.next_page_token) == (3, 2, "2")
        assert state(page.tasks[0]) == state(answered) == "completed"
        assert not page.tasks[0].artifacts
        rest = await client.list_tasks(
            words.ListTasksRequest(
                context_id=context, page_size=2, page_token="2", include_artifacts=True
            )
        )
        assert [result(task) for task in rest.tasks] == ["one"]
        assert rest.next_page_token == ""
        failed = await client.list_tasks(
            words.ListTasksRequest(
                context_id=context, status=words.TaskState.TASK_STATE_FAILED, history_length=0
            )
        )
        assert [task.id for task in failed.tasks] == [second.id]
        with pytest.raises(InvalidParamsError, match="status: no task is ever"):
            await client.list_tasks(
                words.ListTasksRequest(
                    context_id=context, status=words.TaskState.TASK_STATE_REJECTED
                )
            )
        assert not failed.tasks[0].history


@in_both_versions
async def test_a_task_there_is_not(deployment: Deployment, version: str) -> None:
    async with a2a_client(deployment.http, "chat", version=version) as client:
        task = await task_of(client, said("hi"))
        context = task.context_id
        for id in ("mine", f"{context}:{uuid4()}", f"{uuid4()}:{task.id.partition(':')[2]}"):
            with pytest.raises(TaskNotFoundError, match="there is no task"):
                await client.get_task(words.GetTaskRequest(id=id))
    async with a2a_client(deployment.http, "echo", version=version) as other:
        with pytest.raises(TaskNotFoundError):
            await other.get_task(words.GetTaskRequest(id=task.id))
