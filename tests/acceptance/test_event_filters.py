"""Readers who want a part of a graph: what they get, and what no filter hides."""

from typing import Any

import pytest
from langgraph_sdk.schema import StreamMode, StreamPart

from tests.support.server import Deployment
from tests.support.streaming import collect, datas_of, without_waiting

MODES: list[StreamMode] = ["updates", "values", "messages-tuple"]


@pytest.fixture
async def researched(deployment: Deployment) -> tuple[str, str]:
    """A run with subgraphs, two levels deep: (thread id, run id)."""
    thread_id = (await deployment.client.threads.create())["thread_id"]
    run = await deployment.client.runs.create(
        thread_id,
        "research",
        input={"question": "why"},
        stream_mode=MODES,
        stream_subgraphs=True,
    )
    await deployment.client.runs.join(thread_id, run["run_id"])
    return thread_id, run["run_id"]


async def filtered(
    deployment: Deployment, run: tuple[str, str], **query: Any
) -> tuple[list[StreamPart], set[str]]:
    """What comes, and from where: names of namespaces' nodes, `` for the root graph."""
    parts = await collect(
        deployment.there.client.runs.join_stream(*run, last_event_id="-1", params=query)
    )
    assert [part.event for part in without_waiting(parts)[:1]] == ["metadata"]
    assert parts[-1].event == "end"
    events = without_waiting(parts)[1:-1]
    return events, {_nodes(part.event) for part in events}


def _nodes(event: str) -> str:
    return "|".join(segment.partition(":")[0] for segment in event.split("|")[1:])


async def test_without_a_filter_all_of_it_comes(
    deployment: Deployment, researched: tuple[str, str]
) -> None:
    _, places = await filtered(deployment, researched)
    assert places == {"", "investigate", "investigate|summarise"}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"namespace": ""}, [""]),
        ({"namespace": "investigate"}, ["investigate"]),
        ({"namespace": "investigate", "depth": 1}, ["investigate", "investigate|summarise"]),
        ({"namespace": "investigate|summarise"}, ["investigate|summarise"]),
        ({"namespace": ["", "investigate|summarise"]}, ["", "investigate|summarise"]),
        ({"namespace": '["","investigate"]'}, ["", "investigate"]),
        ({"depth": 0}, [""]),
        ({"depth": 1}, ["", "investigate"]),
        ({"namespace": "nobody"}, []),
    ],
    ids=str,
)
async def test_namespaces_and_depth_choose_subgraphs(
    deployment: Deployment, researched: tuple[str, str], query: dict[str, Any], expected: list[str]
) -> None:
    _, places = await filtered(deployment, researched, **query)
    assert places == set(expected)


async def test_one_task_of_a_node_is_chosen_by_its_id(
    deployment: Deployment, researched: tuple[str, str]
) -> None:
    everything, _ = await filtered(deployment, researched, namespace="investigate")
    name = everything[0].event.split("|")[1]
    assert (await filtered(deployment, researched, namespace=name))[0] == everything
    assert (await filtered(deployment, researched, namespace=f"{name}0"))[0] == []


async def test_a_node_is_chosen_with_what_it_does_in_its_subgraph(
    deployment: Deployment, researched: tuple[str, str]
) -> None:
    events, places = await filtered(deployment, researched, node="condense")
    assert places == {"", "investigate|summarise"}
    assert {part.event for part in events if "|" not in part.event} == {"values"}
    assert len(datas_of(events, "values")) == 4
    tokens = [part for part in events if part.event.startswith("messages|")]
    assert {part.data[1]["langgraph_node"] for part in tokens} == {"condense"}
    _, places = await filtered(deployment, researched, node=["plan", "summarise"])
    assert places == {"", "investigate", "investigate|summarise"}


async def test_the_one_who_creates_a_run_may_filter_too(deployment: Deployment) -> None:
    parts = await collect(
        deployment.client.runs.stream(
            None,
            "research",
            input={"question": "why"},
            stream_mode=MODES,
            stream_subgraphs=True,
            params={"namespace": "investigate"},
        )
    )
    assert {_nodes(part.event) for part in without_waiting(parts)[1:-1]} == {"investigate"}
    assert (parts[0].event, parts[-1].event) == ("metadata", "end")


async def test_an_error_passes_every_filter(deployment: Deployment) -> None:
    parts = await collect(
        deployment.client.runs.stream(
            None, "faulty", input={"verb": "raise"}, params={"namespace": "nobody", "depth": "0"}
        )
    )
    names = [part.event for part in without_waiting(parts)]
    assert names == ["metadata", "error", "end"]


async def test_a_thread_is_filtered_the_same_way(
    deployment: Deployment, researched: tuple[str, str]
) -> None:
    thread_id, _ = researched
    names = set()
    async for part in await deployment.there.client.threads.join_stream(
        thread_id, last_event_id="-1", params={"namespace": "investigate"}
    ):
        names.add(part.event.partition(":")[0])
        if (part.data or {}).get("status") == "run_done":
            break
    assert names == {"metadata", "updates|investigate", "values|investigate"}


@pytest.mark.parametrize("mode", ["messages-tuple", "messages"])
async def test_messages_are_merged_for_those_who_ask(deployment: Deployment, mode: Any) -> None:
    thread_id = (await deployment.client.threads.create())["thread_id"]
    said: Any = {"messages": [{"role": "user", "content": "one two three four five"}]}
    run = await deployment.client.runs.create(thread_id, "chat", input=said, stream_mode=mode)
    await deployment.client.runs.join(thread_id, run["run_id"])
    joined = thread_id, run["run_id"]
    every, _ = await filtered(deployment, joined)
    merged, _ = await filtered(deployment, joined, merge_messages="true")
    assert len(merged) < len(every)
    assert merged[-1] == every[-1]
    name = "messages" if mode == "messages-tuple" else "messages/partial"
    assert _text(merged, name) == _text(every, name) != ""


def _text(parts: list[StreamPart], name: str) -> str:
    """All that is said: of tokens the sum, of growing messages the last."""
    texts = [data[0]["content"] for data in datas_of(parts, name)]
    return "".join(texts) if name == "messages" else texts[-1]
