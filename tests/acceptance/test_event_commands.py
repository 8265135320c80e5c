"""Commands of the event-streaming protocol: answers, forks, and what is refused."""

import asyncio
from typing import Any, get_args, get_type_hints
from uuid import uuid4

import httpx
import pytest
from langchain_protocol import CommandData

from tests.support.event_streams import (
    assert_known,
    command,
    lifecycle_of,
    lives_of,
    of_method,
    start,
    watching,
)
from tests.support.server import Deployment


async def ask(http: httpx.AsyncClient) -> tuple[str, str]:
    """A thread whose run waits for an answer, and the interrupt's id."""
    thread_id, run_id = await start(http, "approval", {"topic": "rain"})
    async with watching(http, thread_id, "lifecycle", "input") as events:
        seen = await events.to_the_end()
    question = seen[-2]
    assert question["method"] == "input.requested"
    interrupt_id = question["params"]["data"]["interrupt_id"]
    assert question["event_id"] == f"synth:{run_id}:input||{interrupt_id}"
    assert lifecycle_of(seen[-1]) == "interrupted"
    return thread_id, interrupt_id


async def test_a_question_is_answered_by_its_id(http: httpx.AsyncClient) -> None:
    thread_id, interrupt_id = await ask(http)
    state = (await http.get(f"/threads/{thread_id}/state")).json()
    assert state["tasks"][0]["interrupts"][0]["id"] == interrupt_id
    answer = await command(
        http, thread_id, "input.respond", interrupt_id=interrupt_id, response="yes"
    )
    assert (answer["type"], answer["result"]) == ("success", {})
    async with watching(http, thread_id) as events:
        seen = await events.to_the_end()
    assert of_method(seen, "input.answered") == [{"interrupt_ids": [interrupt_id]}]
    assert of_method(seen, "input.requested") == [], "it is answered"
    assert of_method(seen, "values")[-1]["published"] is True


async def test_the_input_of_a_run_is_the_answer_when_the_thread_waits_for_one(
    http: httpx.AsyncClient,
) -> None:
    thread_id, _ = await ask(http)
    await start(http, "approval", "yes", thread_id)
    async with watching(http, thread_id) as events:
        assert of_method(await events.to_the_end(), "values")[-1]["published"] is True


async def test_what_nobody_asked_cannot_be_answered(http: httpx.AsyncClient) -> None:
    thread_id, interrupt_id = await ask(http)
    wrong = await command(http, thread_id, "input.respond", interrupt_id="no", response="yes")
    assert (wrong["type"], wrong["error"]) == ("error", "no_such_interrupt")
    assert interrupt_id in wrong["message"]


async def test_of_many_who_answer_at_once_one_does(http: httpx.AsyncClient) -> None:
    thread_id, interrupt_id = await ask(http)
    answers = await asyncio.gather(
        *(
            command(http, thread_id, "input.respond", interrupt_id=interrupt_id, response="yes")
            for _ in range(4)
        )
    )
    kinds = sorted(str(answer.get("error", answer["type"])) for answer in answers)
    assert kinds == [*["no_such_interrupt"] * 3, "success"]


async def test_commands_that_cannot_be_are_refused_in_the_protocols_words(
    http: httpx.AsyncClient,
) -> None:
    thread_id = str(uuid4())
    unknown = await command(http, thread_id, "run.fly")
    assert (unknown["error"], "run.start" in unknown["message"]) == ("unknown_command", True)
    wrong = await command(http, thread_id, "run.start", assistant_id=3)
    assert wrong["error"] == "invalid_argument"
    graph = await command(http, thread_id, "run.start", assistant_id="no such graph")
    assert graph["error"] == "invalid_argument"
    assert (await http.get(f"/threads/{thread_id}")).status_code == 404


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        (b"{", "not valid JSON"),
        (b"[]", "must be an object"),
        (b'{"id": "1", "method": "run.start"}', "id: "),
        (b'{"id": 1}', "method: "),
    ],
)
async def test_what_is_no_command_at_all_is_a_400_in_the_protocols_words(
    http: httpx.AsyncClient, body: bytes, wrong: str
) -> None:
    answer = await http.post(f"/threads/{uuid4()}/commands", content=body)
    told = answer.json()
    assert (answer.status_code, told["type"], told["id"]) == (400, "error", None)
    assert told["error"] == "invalid_argument"
    assert wrong in told["message"]
    assert told["detail"] == told["message"]


async def test_every_command_of_the_protocol_is_known_by_name(http: httpx.AsyncClient) -> None:
    """Those of the types that Python's client is written by."""
    methods = [get_args(get_type_hints(kind)["method"])[0] for kind in get_args(CommandData)]
    assert "run.start" in methods
    await assert_known(http, methods)


@pytest.mark.parametrize(
    ("goto", "published"),
    [
        ("publish", True),
        ({"node": "publish", "input": {"topic": "rain"}}, True),
        ([{"node": "publish", "input": {}}], True),
        (["publish"], True),
        (None, False),
    ],
)
async def test_an_answer_may_send_the_graph_elsewhere_and_change_its_state(
    http: httpx.AsyncClient, goto: Any, published: bool
) -> None:
    thread_id, interrupt_id = await ask(http)
    answer = await command(
        http,
        thread_id,
        "input.respond",
        interrupt_id=interrupt_id,
        response="no",
        update={"draft": "Other words."},
        goto=goto,
    )
    assert answer["type"] == "success", answer
    async with watching(http, thread_id) as events:
        seen = await events.to_the_end()
    last = of_method(seen, "values")[-1]
    assert (last["draft"], last["published"]) == ("Other words.", published)


async def test_a_strict_answer_that_nobody_waits_for_fails_its_run_and_changes_nothing(
    deployment: Deployment,
) -> None:
    http = deployment.http
    thread_id, interrupt_id = await ask(http)
    unknown = "0" * 32
    strict: Any = {"response": "yes", "strict_resume": True}
    await command(http, thread_id, "input.respond", interrupt_id=unknown, **strict)
    async with watching(http, thread_id, "lifecycle") as events:
        failed = (await events.to_the_end())[-1]["params"]["data"]
    assert (failed["event"], failed["reason"]) == ("failed", "not_pending")
    assert (failed["interrupt_ids"], failed["pending_ids"]) == ([unknown], [interrupt_id])
    result: Any = await deployment.client.runs.wait(
        thread_id,
        "approval",
        command={"resume": {unknown: "yes"}},
        strict_resume=True,
        raise_error=False,
    )
    assert result["__error__"]["error"] == "UnknownInterruptError"
    assert result["__error__"]["pending_ids"] == [interrupt_id]
    await command(http, thread_id, "input.respond", interrupt_id=interrupt_id, **strict)
    async with watching(http, thread_id) as events:
        seen = await events.to_the_end()
    assert of_method(seen, "values")[-1]["published"] is True


async def test_the_state_is_read_and_forked_by_command(http: httpx.AsyncClient) -> None:
    thread_id, _ = await start(http, "counter", {"steps": 2})
    async with watching(http, thread_id, "lifecycle") as events:
        await events.to_the_end()
    got = (await command(http, thread_id, "state.get", namespace=[], keys=["count"]))["result"]
    assert got["values"] == {"count": 2}
    asked = await command(http, thread_id, "state.listCheckpoints", limit=3)
    checkpoints = asked["result"]["checkpoints"]
    assert [saved["step"] for saved in checkpoints] == [2, 1, 0]
    assert checkpoints[0]["id"] == got["checkpoint"]["id"]
    fork = await command(http, thread_id, "state.fork", checkpoint_id=checkpoints[1]["id"])
    async with watching(http, thread_id) as events:
        seen = await events.to_the_end()
    assert lives_of(seen)[-1] == (fork["result"]["run_id"], "completed")
    assert of_method(seen, "values")[-1]["count"] == 2


async def test_a_classic_run_that_asks_is_answered_by_command(deployment: Deployment) -> None:
    thread_id = str((await deployment.client.threads.create())["thread_id"])
    async with watching(deployment.http, thread_id) as events:
        await deployment.client.runs.wait(thread_id, "approval", input={"topic": "rain"})
        *_, question, end = await events.to_the_end()
        assert lifecycle_of(end) == "interrupted"
        await command(
            deployment.http,
            thread_id,
            "input.respond",
            responses=[
                {"interrupt_id": question["params"]["data"]["interrupt_id"], "response": "yes"}
            ],
        )
        assert of_method(await events.to_the_end(), "values")[-1]["published"] is True


async def ask_two(http: httpx.AsyncClient) -> tuple[str, list[str]]:
    """A thread that waits for two answers, and the ids of the interrupts."""
    thread_id, _ = await start(http, "two_questions", {})
    async with watching(http, thread_id, "lifecycle", "input") as events:
        asked = of_method(await events.to_the_end(), "input.requested")
    assert sorted(question["payload"] for question in asked) == ["age?", "name?"]
    return thread_id, [question["interrupt_id"] for question in asked]


async def test_several_questions_are_answered_together(http: httpx.AsyncClient) -> None:
    thread_id, ids = await ask_two(http)
    plain = await command(http, thread_id, "run.start", assistant_id="two_questions", input="Ann")
    assert (plain["error"], all(id in plain["message"] for id in ids)) == ("invalid_argument", True)
    responses = [{"interrupt_id": id, "response": "yes"} for id in ids]
    answer = await command(http, thread_id, "input.respond", responses=responses)
    assert answer["type"] == "success"
    async with watching(http, thread_id) as events:
        seen = await events.to_the_end()
    assert of_method(seen, "input.answered") == [{"interrupt_ids": ids}]
    assert sorted(of_method(seen, "values")[-1]["answers"]) == ["age yes", "name yes"]


async def test_of_several_questions_one_may_be_answered_first(http: httpx.AsyncClient) -> None:
    thread_id, [one, other] = await ask_two(http)
    for id, left in ((one, [other]), (other, [])):
        await command(http, thread_id, "input.respond", interrupt_id=id, response="yes")
        async with watching(http, thread_id, "lifecycle", "input") as events:
            seen = await events.to_the_end()
        asked = of_method(seen, "input.requested")
        assert [question["interrupt_id"] for question in asked] == left


async def test_an_answer_may_change_the_state_too(http: httpx.AsyncClient) -> None:
    thread_id, interrupt_id = await ask(http)
    await command(
        http,
        thread_id,
        "input.respond",
        interrupt_id=interrupt_id,
        response="yes",
        update={"topic": "snow"},
        metadata={"answered_by": "ann"},
    )
    async with watching(http, thread_id) as events:
        values = of_method(await events.to_the_end(), "values")[-1]
    assert (values["topic"], values["published"]) == ("snow", True)


async def test_an_answer_waits_for_the_run_that_executes(http: httpx.AsyncClient) -> None:
    thread_id, _ = await start(http, "counter", {"steps": 10, "seconds": 0.05})
    early = await command(http, thread_id, "input.respond", interrupt_id="no", response="yes")
    assert early["error"] == "no_such_interrupt"
    thread = (await http.get(f"/threads/{thread_id}")).json()
    assert (thread["status"], thread["values"]["count"]) == ("idle", 10)


async def test_a_run_may_start_from_an_earlier_checkpoint(http: httpx.AsyncClient) -> None:
    thread_id, _ = await start(http, "counter", {"steps": 2})
    async with watching(http, thread_id) as events:
        checkpoints = of_method(await events.to_the_end(), "checkpoints")
    earlier = {"configurable": {"checkpoint_id": checkpoints[-2]["id"], "thread_id": thread_id}}
    await start(http, "counter", None, thread_id, config=earlier)
    async with watching(http, thread_id) as events:
        seen = await events.to_the_end()
    parents = [saved.get("parent_id") for saved in of_method(seen, "checkpoints")]
    assert parents.count(checkpoints[-2]["id"]) == 2, "the history has a second branch"
    assert of_method(seen, "values")[-1]["count"] == 2
