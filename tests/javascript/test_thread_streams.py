"""`threads.stream` of the official JavaScript client, and `threads.joinStream`."""

import re
from typing import Any

import pytest

from tests.javascript.test_client import CHAT, QUESTION, SAID, Stage, names
from tests.support.cutting_proxy import cutting_proxy
from tests.support.event_streams import assert_known
from tests.support.javascript import FOLDER, needs, playing
from tests.support.server import Deployment

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def stage(package: str, server: Deployment) -> Stage:
    return Stage(package, server)


def heard(events: list[Any], method: str) -> list[Any]:
    return [event["params"] for event in events if event["method"] == method]


async def test_messages_are_heard_token_by_token(stage: Stage) -> None:
    """Slowly: when it hears of the end first, the client stops the streams it has yet to open."""
    slow_chat = {**CHAT, "delay": 0.1}
    [started, *tokens, kinds] = await stage.play("speak", assistant="chat", input=slow_chat)
    assert started.keys() == {"run_id"}
    assert tokens == SAID
    assert kinds == ["human", "ai"]


async def test_every_command_the_client_can_send_is_known_by_name(server: Deployment) -> None:
    needs("node", FOLDER)
    packages = FOLDER / "node_modules" / "@langchain"
    types = (packages / "protocol" / "protocol.ts").read_text()
    client = (packages / "langgraph-sdk" / "dist" / "client" / "stream" / "index.js").read_text()
    named = set(re.findall(r'method: "([\w.]+)";\s+params: \w+Params', types))
    sent = set(re.findall(r'#send\("([\w.]+)"', client))
    assert "run.start" in named & sent
    await assert_known(server.http, sorted(named | sent))


async def test_an_answer_may_send_the_graph_elsewhere(stage: Stage) -> None:
    goto = [{"node": "publish", "input": {}}]
    [_, *values, output] = await stage.play(
        "answer",
        assistant="approval",
        input={"topic": "rain"},
        response="no",
        more={"goto": goto, "update": {"draft": "Other words."}},
    )
    assert (output["draft"], output["published"]) == ("Other words.", True)
    assert values[-1] == output


async def test_a_question_is_answered_by_its_id(stage: Stage) -> None:
    [asked, *values, output] = await stage.play(
        "answer", assistant="approval", input={"topic": "rain"}, response="yes"
    )
    assert asked == {"interrupted": True, "payload": QUESTION}
    assert values[-1]["published"] is True
    assert output == values[-1]


async def test_progress_is_heard_on_the_custom_channel(stage: Stage) -> None:
    [_, *events] = await stage.play(
        "hear", assistant="progress", input={"total": 2}, channels=["custom"]
    )
    told = [
        (
            params["namespace"],
            params["data"]["payload"]["node"],
            params["data"]["payload"]["fraction"],
        )
        for params in heard(events, "custom")
    ]
    inside = told[-1][0]
    assert inside[0].startswith("tidy:")
    assert told == [
        ([], "collect", 0.5),
        ([], "collect", 1),
        (inside, "sort", None),
        (inside, "sort", 1),
    ]


async def test_tools_and_subgraphs_are_heard(stage: Stage) -> None:
    given = {"messages": [{"role": "human", "content": "2 + 3"}]}
    [_, *events] = await stage.play("hear", assistant="agent", input=given, channels=["tools"])
    assert [params["data"]["event"] for params in heard(events, "tools")] == [
        "tool-started",
        "tool-finished",
    ]
    [_, *events] = await stage.play(
        "hear", assistant="research", input={"question": "why"}, channels=["lifecycle"]
    )
    seen = [
        ([segment.partition(":")[0] for segment in params["namespace"]], params["data"]["event"])
        for params in heard(events, "lifecycle")
    ]
    assert seen == [
        ([], "running"),
        (["investigate"], "started"),
        (["investigate", "summarise"], "started"),
        (["investigate", "summarise"], "completed"),
        (["investigate"], "completed"),
        ([], "completed"),
    ]


async def test_cancelling_ends_the_stream(stage: Stage) -> None:
    events: list[Any] = []
    async with playing(
        stage.package,
        stage.url,
        "hear",
        assistant="faulty",
        input={"verb": "hang"},
        channels=["lifecycle"],
    ) as lines:
        async for line in lines:
            if not events:
                run = {"threadId": line["threadId"], "runId": line["run_id"]}
                [_, cancelled] = await stage.play("cancel", **run)
            events.append(line)
    assert cancelled["status"] == "interrupted"
    became = [params["data"]["event"] for params in heard(events[1:], "lifecycle")]
    assert became[:2] == ["running", "interrupted"]


async def test_a_cut_connection_costs_no_token_and_repeats_none(stage: Stage) -> None:
    said = " ".join(str(number) for number in range(30))
    given = {"messages": [{"role": "human", "content": said}], "delay": 0.03}
    lines = []
    async with (
        cutting_proxy(stage.url) as proxy,
        playing(stage.package, proxy.url, "speak", assistant="chat", input=given) as printed,
    ):
        async for line in printed:
            lines.append(line)
            if len(lines) in (6, 15):
                proxy.cut()
    [_, *tokens, kinds] = lines
    assert "".join(tokens) == f"You said: {said}"
    assert kinds == ["human", "ai"]


async def test_a_thread_is_joined_over_its_runs(stage: Stage) -> None:
    thread_id = await stage.thread()
    parts: list[Any] = []
    await stage.official.runs.wait(thread_id, "echo", input={"text": "first"})
    async with playing(
        stage.package,
        stage.url,
        "joinThread",
        threadId=thread_id,
        options={"lastEventId": "-1"},
    ) as lines:
        async for part in lines:
            parts.append(part)
            ended = [part for part in parts if (part.get("data") or {}).get("status") == "run_done"]
            if len(parts) == 1:
                await stage.official.runs.wait(thread_id, "echo", input={"text": "second"})
            if len(ended) == 2:
                break
    texts = [part["data"]["text"] for part in parts if part.get("event") == "values"]
    assert texts[0] == "first"
    assert texts[-1] == "second"
    assert names(parts)[-1] == "metadata"
