"""/langserve by LangServe's own client: `astream_events` and `astream_log`.

They are held against those of the same graph in this process.
"""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from langchain_core.tracers.log_stream import RunLog, RunLogPatch
from langserve.serialization import WellKnownLCSerializer

from graphs.agent import graph as agent
from graphs.research import graph as research
from tests.support.langserve import all_of, remote
from tests.support.project.joke import graph as joke
from tests.support.server import Deployment

SUM: Any = {"messages": [HumanMessage("What is 2 + 3?")]}
SUBJECTS: Any = {
    "agent": (agent, SUM),
    "research": (research, {"question": "the sea"}),
    "joke": (joke, "the sea"),
}
SELECTIONS: Any = [
    {"include_types": ["chat_model", "tool", "llm"]},
    {"include_names": ["think"], "include_tags": ["graph:step:2"]},
    {"exclude_names": ["think", "Calculator"], "exclude_types": ["tool"]},
    {"include_types": ["chain"], "exclude_tags": ["graph:step:1", "seq:step:3"]},
]

pytestmark = pytest.mark.filterwarnings("ignore:astream_log is deprecated")
every_subject = pytest.mark.parametrize("name", SUBJECTS)
every_selection = pytest.mark.parametrize("selection", SELECTIONS, ids=str)

_SERIALIZER = WellKnownLCSerializer()
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00")


def as_sent(value: Any) -> Any:
    """As a client has it that was sent it; without ids and times, which no two runs share."""
    return _without_ids(_SERIALIZER.dumpd(_SERIALIZER.loadd(_SERIALIZER.dumpd(value))))


def _without_ids(value: Any) -> Any:
    if isinstance(value, str):
        return _TIME.sub("<time>", _ID.sub("<id>", value))
    if isinstance(value, list):
        return [_without_ids(each) for each in value]
    if isinstance(value, dict):
        return {name: _without_ids(each) for name, each in value.items()}
    return value


def without_servers_metadata(remote_parts: list[Any], local_parts: list[Any]) -> None:
    """The server adds metadata of its own, and takes none away."""
    for theirs, ours in zip(remote_parts, local_parts, strict=True):
        if "metadata" in ours:
            assert theirs["metadata"].items() >= ours["metadata"].items()
            theirs["metadata"] = ours["metadata"]


async def events_of(events: AsyncIterator[Any]) -> list[Any]:
    """As they are when they come; their messages are given ids later on."""
    return [as_sent(event) async for event in events]


async def log_of(patches: AsyncIterator[Any]) -> Any:
    whole: Any = None
    async for patch in patches:
        assert isinstance(patch, RunLogPatch)
        for op in patch.ops:
            if op["path"].startswith("/logs/") and op["path"].count("/") == 2:
                # without it the client fails at decoding what is of type `tool`
                op["value"].setdefault("tool_call_id", None)
        sent = RunLogPatch(*as_sent(patch.ops))
        whole = sent if whole is None else whole + sent
    assert isinstance(whole, RunLog)
    return whole.state


@every_subject
async def test_a_log_is_that_of_the_graph_itself(deployment: Deployment, name: str) -> None:
    graph, given = SUBJECTS[name]
    local = await log_of(graph.astream_log(given, {"run_name": name}))
    async with remote(deployment.http, name) as called:
        told = await log_of(called.astream_log(given))
    assert list(told["logs"]) == list(local["logs"])
    told_parts, local_parts = list(told["logs"].values()), list(local["logs"].values())
    without_servers_metadata(told_parts, local_parts)
    assert told == local


@every_selection
async def test_a_log_has_what_is_wanted(embedded: Deployment, selection: Any) -> None:
    local = await log_of(agent.astream_log(SUM, **selection))
    async with remote(embedded.http, "agent") as called:
        told = await log_of(called.astream_log(SUM, **selection))
    assert list(told["logs"]) == list(local["logs"])
    assert told["streamed_output"] == local["streamed_output"]


@every_subject
async def test_events_are_those_of_the_graph_itself(deployment: Deployment, name: str) -> None:
    graph, given = SUBJECTS[name]
    local = await events_of(graph.astream_events(given, {"run_name": name}, version="v2"))
    async with remote(deployment.http, name) as called:
        told = await events_of(called.astream_events(given))
    without_servers_metadata(told, local)
    assert told == local


@every_selection
async def test_events_are_those_that_are_wanted(embedded: Deployment, selection: Any) -> None:
    local = await all_of(
        agent.astream_events(SUM, {"run_name": "agent"}, version="v2", **selection)
    )
    async with remote(embedded.http, "agent") as called:
        told = await all_of(called.astream_events(SUM, **selection))
    assert [*map(what, told)] == [*map(what, local)]


def what(event: Any) -> tuple[str, str]:
    return event["event"], event["name"]


async def test_chunks_in_events_have_the_form_that_was_asked_for(embedded: Deployment) -> None:
    kwargs: Any = {"stream_mode": ["updates", "values"], "subgraphs": True}
    given: Any = {"question": "the sea"}
    local = await events_of(research.astream_events(given, version="v2", **kwargs))
    async with remote(embedded.http, "research") as called:
        told = await events_of(called.astream_events(given, **kwargs))
    assert chunks_of_root(told) == chunks_of_root(local) != []


def chunks_of_root(events: list[Any]) -> list[Any]:
    return [
        event["data"]["chunk"]
        for event in events
        if event["event"] == "on_chain_stream" and not event["parent_ids"]
    ]


async def test_a_long_job_tells_how_far_it_is_while_it_works(
    deployment: Deployment, tmp_path: Path
) -> None:
    """The job goes on only when its events have been seen."""
    gate = tmp_path / "gate"
    async with remote(deployment.http, "job") as called:
        events = called.astream_events({"gate": str(gate)}, stream_mode=["custom", "updates"])
        seen = []
        async for event in events:
            seen.append(event)
            if event["event"] == "on_custom_event":
                break
        assert (seen[-1]["name"], seen[-1]["data"]) == ("halfway", {"of": 2})
        mode, told = (await anext(progress_in(seen, events)))["data"]["chunk"]
        assert (mode, told["fraction"], told["label"]) == ("custom", 0.5, "half of it")
        assert not gate.exists()
        gate.touch()
        *_, last = await all_of(events)
    assert (last["event"], last["data"]["output"]["done"]) == ("on_chain_end", True)


async def progress_in(seen: list[Any], events: AsyncIterator[Any]) -> AsyncIterator[Any]:
    for event in seen:
        if event["event"] == "on_chain_stream":
            yield event
    async for event in events:
        if event["event"] == "on_chain_stream":
            yield event
