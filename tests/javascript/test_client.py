"""The official JavaScript client with us, each scene in a Node of its own.

It has to agree with what the official Python client is given by the same server.
"""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import pytest

from tests.support.cutting_proxy import cutting_proxy
from tests.support.javascript import play, playing
from tests.support.server import Deployment
from tests.support.streaming import collect

pytestmark = pytest.mark.timeout(120)

CHAT = {"messages": [{"role": "human", "content": "streams may be left"}]}
SAID = ["You ", "said: ", "streams ", "may ", "be ", "left"]
QUESTION = {"question": "Publish this?", "draft": "A few words about rain."}


class Stage:
    """Plays scenes with one client against one server."""

    def __init__(self, package: str, server: Deployment) -> None:
        self.package = package
        self.url = str(server.http.base_url)
        self.official = server.client

    async def play(self, scene: str, **given: Any) -> list[Any]:
        return await play(self.package, self.url, scene, **given)

    async def thread(self) -> str:
        return (await self.official.threads.create())["thread_id"]

    async def python_sees(self, thread_id: str, run_id: str) -> list[dict[str, Any]]:
        """The whole run as the Python client is given it, in the shape of JavaScript's parts."""
        joined = self.official.runs.join_stream(thread_id, run_id, last_event_id="-1")
        return [part._asdict() for part in await collect(joined)]


@pytest.fixture
def stage(package: str, server: Deployment) -> Stage:
    return Stage(package, server)


def events(parts: Sequence[Any]) -> list[dict[str, Any]]:
    """The events of a run; one client also hands out the blank line behind a heartbeat."""
    return [
        {name: part.get(name) for name in ("event", "data", "id")}
        for part in parts
        if part.get("event") not in (None, "", "queue")
    ]


def names(parts: Sequence[Any]) -> list[str]:
    return [part["event"] for part in events(parts)]


def spoken(parts: Sequence[Any]) -> list[str]:
    """The tokens of the tuple form of messages."""
    return [part["data"][0]["content"] for part in events(parts) if part["event"] == "messages"]


async def test_a_run_is_streamed_token_by_token(stage: Stage) -> None:
    parts = await stage.play(
        "stream", assistant="chat", payload={"input": CHAT, "streamMode": "messages-tuple"}
    )
    assert [token for token in spoken(parts) if token] == SAID
    created = parts[-1]["created"]
    assert created["run_id"] == events(parts)[0]["data"]["run_id"]
    assert events(parts) == await stage.python_sees(created["thread_id"], created["run_id"])


async def test_every_mode_gives_what_python_gets(stage: Stage) -> None:
    modes = ["values", "updates", "tasks", "checkpoints", "debug", "events", "messages"]
    parts = await stage.play(
        "stream",
        assistant="research",
        payload={"input": {"question": "why"}, "streamMode": modes, "streamSubgraphs": True},
    )
    created = parts[-1]["created"]
    assert events(parts) == await stage.python_sees(created["thread_id"], created["run_id"])
    assert set(modes) < {name.partition("|")[0].partition("/")[0] for name in names(parts)}


async def test_joining_from_the_start_gives_the_whole_run(stage: Stage) -> None:
    thread_id = await stage.thread()
    run = await stage.official.runs.create(thread_id, "counter", input={"steps": 3})
    joined = await stage.play(
        "join", threadId=thread_id, runId=run["run_id"], options={"lastEventId": "-1"}
    )
    assert names(joined) == ["metadata", *["values"] * 4, "end"]
    assert events(joined) == await stage.python_sees(thread_id, run["run_id"])


async def test_joining_behind_an_event_gives_what_came_after_it(stage: Stage) -> None:
    thread_id = await stage.thread()
    run = await stage.official.runs.create(thread_id, "counter", input={"steps": 3})
    whole = await stage.python_sees(thread_id, run["run_id"])
    joined = await stage.play(
        "join", threadId=thread_id, runId=run["run_id"], options={"lastEventId": whole[2]["id"]}
    )
    assert events(joined) == whole[3:]


async def test_joining_a_run_that_is_over_gives_its_end_alone(stage: Stage) -> None:
    thread_id = await stage.thread()
    run = await stage.official.runs.create(thread_id, "echo", input={"text": "hello"})
    await stage.official.runs.join(thread_id, run["run_id"])
    joined = await stage.play("join", threadId=thread_id, runId=run["run_id"])
    assert names(joined) == ["end"]


async def test_a_stateless_run_is_streamed_and_can_be_joined(stage: Stage) -> None:
    streamed = await stage.play(
        "streamStateless", assistant="echo", payload={"input": {"text": "hello"}}
    )
    run_id = events(streamed)[0]["data"]["run_id"]
    joined = await stage.play("join", threadId=None, runId=run_id, options={"lastEventId": "-1"})
    assert events(joined) == events(streamed)
    assert events(streamed)[-2]["data"] == {"text": "hello"}


async def test_a_cut_connection_costs_no_event_and_repeats_none(stage: Stage) -> None:
    """The client comes back by itself, to the `Location` it was given."""
    given = {"input": {"steps": 40, "seconds": 0.05}, "streamMode": ["values", "updates"]}
    parts = []
    async with (
        cutting_proxy(stage.url) as proxy,
        playing(stage.package, proxy.url, "stream", assistant="counter", payload=given) as lines,
    ):
        async for part in lines:
            parts.append(part)
            if len(parts) in (5, 15):
                proxy.cut()
    created = parts[-1]["created"]
    assert names(parts)[-1] == "end"
    assert events(parts) == await stage.python_sees(created["thread_id"], created["run_id"])


async def test_an_interrupt_is_seen_and_answered(stage: Stage) -> None:
    thread_id = await stage.thread()
    parts = await stage.play(
        "stream", threadId=thread_id, assistant="approval", payload={"input": {"topic": "rain"}}
    )
    [asked] = events(parts)[-2]["data"]["__interrupt__"]
    assert asked["value"] == QUESTION
    [state, _] = await stage.play("look", threadId=thread_id)
    [in_task] = state["tasks"][0]["interrupts"]
    assert (in_task["id"], in_task["value"]) == (asked["id"], asked["value"])

    answered = await stage.play(
        "stream",
        threadId=thread_id,
        assistant="approval",
        payload={"command": {"resume": {asked["id"]: "yes"}}},
    )
    assert events(answered)[-2]["data"]["published"] is True


async def test_cancelling_ends_the_run_and_its_stream(stage: Stage) -> None:
    parts: list[Any] = []
    async with playing(
        stage.package, stage.url, "stream", assistant="faulty", payload={"input": {"verb": "hang"}}
    ) as lines:
        async for part in lines:
            if not parts:
                run = {"threadId": part["created"]["thread_id"], "runId": part["created"]["run_id"]}
                [_, cancelled] = await stage.play("cancel", **run)
            parts.append(part)
    assert cancelled["status"] == "interrupted"
    assert events(parts)[-1]["data"]["status"] == "interrupted"


async def test_a_failure_is_an_event_and_what_waiting_raises(stage: Stage) -> None:
    given = {"input": {"verb": "raise"}}
    parts = await stage.play("stream", assistant="faulty", payload=given)
    assert names(parts)[-2:] == ["error", "end"]
    assert events(parts)[-2]["data"] == {"error": "ValueError", "message": "told to fail"}
    [raised] = await stage.play(
        "wait", threadId=await stage.thread(), assistant="faulty", payload=given
    )
    assert raised == {"raised": "ValueError: told to fail"}


async def test_branching_goes_on_from_an_earlier_checkpoint(stage: Stage) -> None:
    thread_id = await stage.thread()
    await stage.official.runs.wait(thread_id, "research", input={"question": "why"})
    [result, history] = await stage.play(
        "branch",
        threadId=thread_id,
        assistant="research",
        node="report",
        values={"summary": "Nobody knows"},
    )
    assert result["report"] == "Nobody knows (2 sources)"
    reports = [state["values"]["report"] for state in history if not state["next"]]
    assert len(reports) == 2
    parents = [
        state["parent_checkpoint"]["checkpoint_id"]
        for state in history
        if state["parent_checkpoint"]
    ]
    assert len(parents) - len(set(parents)) == 1, "one checkpoint has two children"


async def test_refusals_have_their_status_and_say_what_is_wrong(stage: Stage) -> None:
    [thread, run, graph, id] = await stage.play(
        "refusals", threadId=str(uuid4()), runId=str(uuid4())
    )
    assert [refused["status"] for refused in (thread, run, graph, id)] == [404, 404, 422, 422]
    assert "no such graph" in graph["message"]
    assert "UUID" in id["message"]


async def test_answers_without_a_body_are_understood(stage: Stage) -> None:
    thread_id = await stage.thread()
    run = await stage.official.runs.create(thread_id, "echo", input={"text": "hello"})
    await stage.official.runs.join(thread_id, run["run_id"])
    answers = await stage.play("housekeeping", threadId=thread_id, runId=run["run_id"])
    assert answers == [
        *([True], None),
        *(None, {"text": "kept"}, ["one"], None, None),
        *([run["run_id"]], 0, None, None),
    ]
