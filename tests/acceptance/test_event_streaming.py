"""The event-streaming protocol: runs started by command, and the events of a whole thread."""

import asyncio
from contextlib import suppress
from typing import Any, get_args, get_type_hints
from uuid import uuid4

import httpx
import pytest
from langchain_protocol import CommandData

from joinstream.services.watched_past import JUST_NOW
from tests.support.event_streams import (
    ALL,
    assert_known,
    command,
    lifecycle_of,
    lives_of,
    names_of,
    of_method,
    seqs_of,
    start,
    watching,
)
from tests.support.server import Deployment
from tests.support.streaming import collect
from tests.support.streaming import names_of as classic_names_of


@pytest.fixture
def http(deployment: Deployment) -> httpx.AsyncClient:
    return deployment.http


async def whole_run(http: httpx.AsyncClient, graph: str, given: Any) -> list[dict[str, Any]]:
    thread_id, _ = await start(http, graph, given)
    async with watching(http, thread_id) as events:
        return await events.to_the_end()


async def test_a_run_tells_of_its_states_its_steps_and_its_end(http: httpx.AsyncClient) -> None:
    thread_id, run_id = await start(http, "echo", {"text": "hi"})
    async with watching(http, thread_id) as events:
        seen = await events.to_the_end()
    assert [lifecycle_of(event) for event in seen if lifecycle_of(event)] == [
        "running",
        "completed",
    ]
    assert of_method(seen, "values")[-1] == {"text": "hi"}
    assert of_method(seen, "updates") == [{"echo": {"text": "hi"}}]
    assert [event["params"].get("node") for event in seen if event["method"] == "updates"] == [
        "echo"
    ]
    started, ended = of_method(seen, "tasks")
    assert (started["name"], ended["result"]) == ("echo", {"text": "hi"})
    assert [saved["step"] for saved in of_method(seen, "checkpoints")] == [-1, 0, 1]
    assert lives_of([seen[0], seen[-1]]) == [(run_id, "running"), (run_id, "completed")]
    assert seqs_of(seen) == sorted(set(seqs_of(seen)))
    assert max(seqs_of(seen)) < 2**53
    assert len(set(names_of(seen))) == len(seen)


async def test_a_checkpoint_comes_right_before_the_values_it_holds(
    http: httpx.AsyncClient,
) -> None:
    seen = await whole_run(http, "echo", {"text": "hi"})
    methods = [event["method"] for event in seen]
    for place, method in enumerate(methods):
        if method == "values":
            assert methods[place - 1] == "checkpoints"


async def test_a_message_is_streamed_in_blocks(http: httpx.AsyncClient) -> None:
    given = {"messages": [{"role": "user", "content": "hi there"}]}
    seen = await whole_run(http, "chat", given)
    parts = of_method(seen, "messages")
    assert [part["event"] for part in parts] == [
        "message-start",
        "content-block-start",
        *["content-block-delta"] * 4,
        "content-block-finish",
        "message-finish",
    ]
    text = "".join(part["delta"]["text"] for part in parts if "delta" in part)
    assert text == parts[-2]["content"]["text"] == "You said: hi there"
    answer = of_method(seen, "values")[-1]["messages"][-1]
    assert parts[0]["id"] == answer["id"]
    assert {part.get("message_id") for part in parts[1:]} == {answer["id"]}


async def test_subgraphs_tell_in_their_own_namespace(http: httpx.AsyncClient) -> None:
    seen = await whole_run(http, "research", {"question": "why"})
    namespaces = {tuple(event["params"]["namespace"]) for event in seen}
    assert sorted(map(len, namespaces)) == [0, 1, 2]
    inner = max(namespaces, key=len)
    assert [life["event"] for life in of_method(seen, "lifecycle", inner)] == [
        "started",
        "completed",
    ]
    assert of_method(seen, "messages", inner)[0]["event"] == "message-start"


async def test_tools_and_custom_events_have_their_channels(http: httpx.AsyncClient) -> None:
    given = {"messages": [{"role": "user", "content": "What is 2 + 3?"}]}
    tools = of_method(await whole_run(http, "agent", given), "tools")
    assert [(tool["event"], tool["tool_call_id"]) for tool in tools] == [
        ("tool-started", "call_1"),
        ("tool-finished", "call_1"),
    ]
    assert (tools[0]["tool_name"], tools[0]["input"]) == ("add", {"a": 2, "b": 3})
    custom = of_method(await whole_run(http, "progress", {"total": 2}), "custom")
    assert [each["payload"]["label"] for each in custom] == ["1 of 2", "2 of 2"]


async def test_a_failure_is_told_with_its_text(http: httpx.AsyncClient) -> None:
    seen = await whole_run(http, "faulty", {"verb": "raise"})
    assert seen[-1]["params"]["data"] == {"event": "failed", "error": "told to fail"}


async def test_a_stream_may_be_open_before_there_is_a_thread(http: httpx.AsyncClient) -> None:
    thread_id = str(uuid4())
    async with watching(http, thread_id) as events:
        for text in ("one", "two"):
            await start(http, "echo", {"text": text}, thread_id)
            seen = await events.to_the_end()
            assert of_method(seen, "values")[-1] == {"text": text}


async def test_a_new_stream_gets_everything_again_by_the_same_names(
    deployment: Deployment,
) -> None:
    thread_id, _ = await start(deployment.here.http, "echo", {"text": "hi"})
    seen = []
    for entrance in (deployment.here, deployment.there):
        async with watching(entrance.http, thread_id) as events:
            seen.append(await events.to_the_end())
    assert seen[0] == seen[1]


async def test_since_leaves_out_what_is_known(deployment: Deployment) -> None:
    thread_id, _ = await start(deployment.here.http, "echo", {"text": "hi"})
    async with watching(deployment.here.http, thread_id) as events:
        seen = await events.to_the_end()
    for known in (0, 3, len(seen) - 2):
        since = seen[known]["seq"]
        async with watching(deployment.there.http, thread_id, since=since) as events:
            assert await events.to_the_end() == seen[known + 1 :]


async def test_the_end_of_an_earlier_run_is_not_told_as_that_of_a_later_one(
    http: httpx.AsyncClient,
) -> None:
    thread_id, first = await start(http, "echo", {"text": "one"})
    async with watching(http, thread_id) as events:
        await events.to_the_end()
    _, second = await start(http, "counter", {"steps": 2, "seconds": 0.2}, thread_id)
    async with watching(http, thread_id) as events:
        seen = await events.to_the_end()
    lives = lives_of(seen)
    assert (first, "running") in lives
    assert (first, "completed") not in lives
    assert lives[-1] == (second, "completed")


async def test_only_what_was_asked_for_is_sent(http: httpx.AsyncClient) -> None:
    thread_id, _ = await start(http, "research", {"question": "why"})

    async def seen(*channels: str, **more: Any) -> list[dict[str, Any]]:
        async with watching(http, thread_id, *channels, "lifecycle", **more) as events:
            return await events.to_the_end()

    everything = await seen(*ALL)
    assert {event["method"] for event in await seen("values")} == {"values", "lifecycle"}
    at_root = await seen(*ALL, namespaces=[[]], depth=0)
    assert at_root == [event for event in everything if not event["params"]["namespace"]]
    one_down = await seen(*ALL, namespaces=[[]], depth=1)
    assert one_down == [event for event in everything if len(event["params"]["namespace"]) < 2]


async def test_a_namespace_stands_for_all_below_it(http: httpx.AsyncClient) -> None:
    thread_id, _ = await start(http, "research", {"question": "why"})
    async with watching(http, thread_id) as events:
        everything = await events.to_the_end()
    below = [event for event in everything if event["params"]["namespace"]]
    child = below[0]["params"]["namespace"]
    for prefix in (child, ["investigate"]):
        async with watching(http, thread_id, namespaces=[prefix]) as events:
            assert [await events.next() for _ in below] == below


async def test_a_cancelled_run_ends_for_every_kind_of_client(http: httpx.AsyncClient) -> None:
    thread_id, run_id = await start(http, "counter", {"steps": 1000, "seconds": 0.05})
    async with watching(http, thread_id, "lifecycle") as events:
        assert lifecycle_of(await events.next()) == "running"
        answer = await command(http, thread_id, "run.cancel")
        assert answer["result"] == {"run_id": run_id}
        assert [lifecycle_of(await events.next()) for _ in range(2)] == ["interrupted", "failed"]


async def test_a_run_that_was_cancelled_before_it_began_ends_too(http: httpx.AsyncClient) -> None:
    thread_id, first = await start(http, "counter", {"steps": 1000, "seconds": 0.05})
    async with watching(http, thread_id, "lifecycle") as events:
        assert lifecycle_of(await events.next()) == "running"
        _, second = await start(http, "echo", {"text": "hi"}, thread_id)
        await command(http, thread_id, "run.cancel", run_id=second)
        ends = [await events.next() for _ in range(2)]
        assert lives_of(ends) == [(second, "interrupted"), (second, "failed")]
        await command(http, thread_id, "run.cancel", run_id=first)


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


async def test_joining_such_a_run_by_its_own_path_gives_classic_events(
    deployment: Deployment,
) -> None:
    thread_id, run_id = await start(deployment.http, "progress", {"total": 2})
    parts = await collect(deployment.client.runs.join_stream(thread_id, run_id, last_event_id="-1"))
    names = [name.partition("|")[0] for name in classic_names_of(parts)]
    assert (names[0], names[-1]) == ("metadata", "end")
    assert set(names) == {"metadata", "values", "custom", "updates", "tasks", "end"}
    told = [part.data["label"] for part in parts if part.event == "custom"]
    assert told == ["1 of 2", "2 of 2"]
    wanted = deployment.client.runs.join_stream(
        thread_id, run_id, last_event_id="-1", stream_mode="updates"
    )
    names = [name.partition("|")[0] for name in classic_names_of(await collect(wanted))]
    assert set(names) == {"metadata", "updates", "end"}


async def test_the_tree_of_a_run_has_its_graphs(http: httpx.AsyncClient) -> None:
    thread_id, run_id = await start(http, "research", {"question": "why"})
    async with watching(http, thread_id, "lifecycle") as events:
        await events.to_the_end()
    for params in ({}, {"run_id": run_id}):
        root = (await command(http, thread_id, "agent.getTree", **params))["result"]["tree"]
        assert (root["graph_name"], root["status"], root["namespace"]) == (
            "research",
            "completed",
            [],
        )
        (child,) = root["children"]
        assert (child["graph_name"], child["status"]) == ("investigate", "completed")
        assert [leaf["graph_name"] for leaf in child["children"]] == ["summarise"]
    unknown = await command(http, thread_id, "agent.getTree", run_id=str(uuid4()))
    assert unknown["error"] == "no_such_run"


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


async def test_classic_runs_show_as_well(deployment: Deployment) -> None:
    thread_id = str((await deployment.client.threads.create())["thread_id"])
    async with watching(deployment.http, thread_id) as events:
        given: Any = {"messages": [{"role": "user", "content": "hi there"}]}
        for mode in ("messages-tuple", "messages"):
            modes: Any = ["values", "updates", "custom", "tasks", mode]
            run = deployment.client.runs.stream(thread_id, "chat", input=given, stream_mode=modes)
            await collect(run)
            seen = await events.to_the_end()
            assert lifecycle_of(seen[0]) == "running"
            assert of_method(seen, "values")[-1]["messages"][-1]["content"] == "You said: hi there"
            assert [e["params"]["node"] for e in seen if e["method"] == "updates"] == ["answer"]
            parts = of_method(seen, "messages")
            assert (parts[0]["event"], parts[-1]["event"]) == ("message-start", "message-finish")
            text = "".join(part["delta"]["text"] for part in parts if "delta" in part)
            assert text == parts[-2]["content"]["text"] == "You said: hi there"
            assert len(set(names_of(seen))) == len(seen)


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


async def test_a_state_that_is_set_by_hand_shows_too(deployment: Deployment) -> None:
    thread_id, _ = await start(deployment.http, "echo", {"text": "hi"})
    async with watching(deployment.http, thread_id, "values", "lifecycle") as events:
        await events.to_the_end()
        await deployment.client.threads.update_state(thread_id, {"text": "new"})
        changed = await events.next()
    assert (changed["method"], changed["params"]["data"]) == ("values", {"text": "new"})


async def test_a_graphs_own_transformers_have_their_channels(http: httpx.AsyncClient) -> None:
    thread_id, _ = await start(http, "transforming", {"text": "hi"})
    for channel in ("custom:tally", "custom"):
        async with watching(http, thread_id, channel, "lifecycle") as events:
            seen = await events.to_the_end()
        assert of_method(seen, "custom") == [
            {"name": "tally", "payload": payload} for payload in (1, 2, "2 in all")
        ]
    async with watching(http, thread_id, "custom:other", "lifecycle") as events:
        assert of_method(await events.to_the_end(), "custom") == []


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


async def test_a_watcher_is_spared_the_past_once_it_is_known(deployment: Deployment) -> None:
    """As Python's client does: it watches, and only then starts its run."""
    thread_id, first = await start(deployment.http, "echo", {"text": "one"})
    async with watching(deployment.http, thread_id, "lifecycle", "input") as events:
        assert len(await events.to_the_end()) == 2, "it may have been started by this client"
    async with watching(deployment.http, thread_id, "lifecycle", "input") as events:
        _, second = await start(deployment.http, "echo", {"text": "two"}, thread_id)
        lives = lives_of(await events.to_the_end())
        assert lives == [(second, "running"), (second, "completed")]
    async with watching(deployment.http, thread_id, "values", "lifecycle") as events:
        assert lives_of(await events.to_the_end())[0] == (first, "running")


@pytest.mark.parametrize("first", ["completed", "failed"])
async def test_the_output_is_that_of_the_run_just_started_whatever_was_before(
    deployment: Deployment, first: str
) -> None:
    """As in a chat, whose next turn another process answers, or the same one."""
    begin = {"verb": "ok" if first == "completed" else "raise"}
    here, there = deployment.here.client, deployment.there.client
    async with here.threads.stream(assistant_id="faulty") as thread:
        await thread.run.start(input=begin)
        with suppress(RuntimeError):
            await thread.output
        thread_id = thread.thread_id
    await asyncio.sleep(JUST_NOW.total_seconds())
    async with there.threads.stream(thread_id, assistant_id="faulty") as thread:
        await thread.run.start(input={"verb": "sleep", "seconds": 0.3})
        output = await thread.output
    before = ["before", "fault", "after"] if first == "completed" else ["before"]
    assert output["trail"] == [*before, "before", "fault", "after"]
