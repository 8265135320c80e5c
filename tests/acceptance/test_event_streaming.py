"""The event-streaming protocol: what a run that is started by command tells of itself."""

from typing import Any
from uuid import uuid4

import httpx

from tests.support.event_streams import (
    command,
    lifecycle_of,
    lives_of,
    names_of,
    of_method,
    seqs_of,
    start,
    watching,
)


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
