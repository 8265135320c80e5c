"""Stopping for a human, at a breakpoint, or by a command; and going on."""

from typing import Any
from uuid import uuid4

import pytest

from tests.support.server import Deployment
from tests.support.streaming import collect, datas_of, names_of

DRAFT = "A few words about rain."


async def stopped(deployment: Deployment, **options: Any) -> str:
    """A thread on which `approval` has run until it stopped."""
    thread_id = (await deployment.client.threads.create())["thread_id"]
    await deployment.client.runs.wait(thread_id, "approval", input={"topic": "rain"}, **options)
    return thread_id


async def go_on(deployment: Deployment, thread_id: str, **how: Any) -> Any:
    """Continue at the other API."""
    return await deployment.there.client.runs.wait(thread_id, "approval", **how)


async def test_the_same_question_shows_on_thread_state_stream_and_result(
    deployment: Deployment,
) -> None:
    thread_id = (await deployment.client.threads.create())["thread_id"]
    modes: Any = ["values", "updates"]
    parts = await collect(
        deployment.client.runs.stream(
            thread_id, "approval", input={"topic": "rain"}, stream_mode=modes
        )
    )
    [streamed] = datas_of(parts, "values")[-1]["__interrupt__"]
    thread = await deployment.there.client.threads.get(thread_id)
    state = await deployment.there.client.threads.get_state(thread_id)
    assert thread["status"] == "interrupted"
    [[on_thread]] = thread["interrupts"].values()
    [in_state] = state["interrupts"]
    [in_task] = state["tasks"][0]["interrupts"]
    assert len({i["id"] for i in (streamed, on_thread, in_state, in_task)}) == 1
    assert on_thread["value"] == {"question": "Publish this?", "draft": DRAFT}
    assert state["next"] == ["review"]


@pytest.mark.parametrize(("decision", "published"), [("yes", True), ("no", False)])
async def test_a_decision_resumes_the_run(
    deployment: Deployment, decision: str, published: bool
) -> None:
    thread_id = await stopped(deployment)
    result = await go_on(deployment, thread_id, command={"resume": decision})
    assert result == {"topic": "rain", "draft": DRAFT, "published": published}
    thread = await deployment.client.threads.get(thread_id)
    assert (thread["status"], thread["interrupts"]) == ("idle", {})


async def test_a_question_can_be_answered_by_its_id(deployment: Deployment) -> None:
    thread_id = await stopped(deployment)
    state = await deployment.client.threads.get_state(thread_id)
    answer = {state["interrupts"][0]["id"]: "yes"}
    result = await go_on(deployment, thread_id, command={"resume": answer})
    assert result["published"] is True


async def test_two_questions_of_one_step_are_both_asked_and_answered_by_id(
    deployment: Deployment,
) -> None:
    thread_id = (await deployment.client.threads.create())["thread_id"]
    result: Any = await deployment.client.runs.wait(thread_id, "two_questions", input={})
    questions = {question["value"]: question["id"] for question in result["__interrupt__"]}
    assert questions.keys() == {"name?", "age?"}
    answers = {questions["name?"]: "Ada", questions["age?"]: "36"}
    result = await deployment.there.client.runs.wait(
        thread_id, "two_questions", command={"resume": answers}
    )
    assert sorted(result["answers"]) == ["age 36", "name Ada"]


async def test_answering_one_of_two_questions_asks_the_other_again(deployment: Deployment) -> None:
    thread_id = (await deployment.client.threads.create())["thread_id"]
    result: Any = await deployment.client.runs.wait(thread_id, "two_questions", input={})
    ids = {question["value"]: question["id"] for question in result["__interrupt__"]}
    result = await deployment.client.runs.wait(
        thread_id, "two_questions", command={"resume": {ids["name?"]: "Ada"}}
    )
    assert [question["value"] for question in result["__interrupt__"]] == ["age?"]
    assert (await deployment.client.threads.get(thread_id))["status"] == "interrupted"


@pytest.mark.parametrize(
    ("breakpoint", "next_node"),
    [
        ({"interrupt_before": ["review"]}, ["review"]),
        ({"interrupt_after": ["write"]}, ["review"]),
        ({"interrupt_before": "*"}, ["write"]),
    ],
)
async def test_a_static_breakpoint_stops_and_a_run_without_input_goes_on(
    deployment: Deployment, breakpoint: Any, next_node: list[str]
) -> None:
    thread_id = await stopped(deployment, **breakpoint)
    state = await deployment.there.client.threads.get_state(thread_id)
    thread = await deployment.there.client.threads.get(thread_id)
    assert state["next"] == next_node
    assert (thread["status"], thread["interrupts"]) == ("interrupted", {})
    result = await go_on(deployment, thread_id, input=None)
    assert [question["value"]["draft"] for question in result["__interrupt__"]] == [DRAFT]


async def test_a_breakpoint_at_an_unknown_node_is_ignored(deployment: Deployment) -> None:
    thread_id = await stopped(deployment, interrupt_before=["nowhere"])
    assert (await deployment.client.threads.get_state(thread_id))["next"] == ["review"]


async def test_a_command_can_go_to_a_node(deployment: Deployment) -> None:
    thread_id = await stopped(deployment)
    result = await go_on(deployment, thread_id, command={"goto": "publish"})
    assert result["published"] is True


async def test_a_command_can_send_input_to_a_node(deployment: Deployment) -> None:
    thread_id = (await deployment.client.threads.create())["thread_id"]
    given: Any = {"words": ["one"]}
    await deployment.client.runs.wait(thread_id, "parallel", input=given)
    sent: Any = {"goto": [{"node": "translate", "input": {"word": "two"}}]}
    result: Any = await deployment.client.runs.wait(thread_id, "parallel", command=sent)
    assert result["upper"] == ["ONE", "TWO"]


@pytest.mark.parametrize("update", [{"draft": "Better."}, [["draft", "Better."]]])
async def test_a_command_can_update_the_state_on_its_way(
    deployment: Deployment, update: Any
) -> None:
    thread_id = await stopped(deployment)
    command = {"update": update, "resume": "yes"}
    result = await go_on(deployment, thread_id, command=command)
    assert (result["draft"], result["published"]) == ("Better.", True)


async def test_a_command_wins_over_an_input(deployment: Deployment) -> None:
    thread_id = await stopped(deployment)
    result = await go_on(
        deployment, thread_id, command={"resume": "yes"}, input={"topic": "ignored"}
    )
    assert (result["topic"], result["published"]) == ("rain", True)


async def test_a_false_answer_is_an_answer(deployment: Deployment) -> None:
    thread_id = (await deployment.client.threads.create())["thread_id"]
    await deployment.client.runs.wait(thread_id, "faulty", input={"verb": "interrupt"})
    body = {"assistant_id": "faulty", "command": {"resume": False}}
    response = await deployment.http.post(f"/threads/{thread_id}/runs/wait", json=body)
    assert response.json()["cargo"] is False


async def test_a_run_without_input_on_a_new_thread_says_that_it_has_nothing_to_do(
    deployment: Deployment,
) -> None:
    thread_id = (await deployment.client.threads.create())["thread_id"]
    parts = await collect(deployment.client.runs.stream(thread_id, "echo", input=None))
    assert names_of(parts) == ["metadata", "error", "end"]
    assert parts[1].data["error"] == "EmptyInputError"


async def test_an_answer_needs_the_thread_that_asked(deployment: Deployment) -> None:
    body = {"assistant_id": "approval", "command": {"resume": "yes"}}
    response = await deployment.http.post("/runs/wait", json=body)
    assert response.status_code == 400
    assert "thread" in response.json()["detail"]


async def test_a_run_can_start_from_an_earlier_checkpoint(deployment: Deployment) -> None:
    thread_id = (await deployment.client.threads.create())["thread_id"]
    await deployment.client.runs.wait(thread_id, "counter", input={"steps": 3})
    history = await deployment.client.threads.get_history(thread_id, limit=20)
    second = next(state for state in history if state["values"].get("count") == 2)  # type: ignore[union-attr]  # values of a dict state
    checkpoint_id = second["checkpoint"]["checkpoint_id"]
    result: Any = await deployment.there.client.runs.wait(
        thread_id, "counter", input={"steps": 5}, checkpoint_id=checkpoint_id
    )
    assert result["count"] == 7


async def test_a_run_from_a_checkpoint_that_does_not_exist_fails_and_changes_nothing(
    deployment: Deployment,
) -> None:
    thread_id = (await deployment.client.threads.create())["thread_id"]
    await deployment.client.runs.wait(thread_id, "counter", input={"steps": 1})
    before, unknown = await deployment.client.threads.get_state(thread_id), str(uuid4())
    result: Any = await deployment.client.runs.wait(
        thread_id, "counter", input={"steps": 1}, checkpoint_id=unknown, raise_error=False
    )
    assert result["__error__"]["error"] == "NotFound"
    assert f"Thread {thread_id} has no checkpoint {unknown}." in result["__error__"]["message"]
    assert await deployment.client.threads.get_state(thread_id) == before
