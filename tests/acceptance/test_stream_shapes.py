"""The shapes of events, written out as the official server sends them.

The parity tests compare with LangGraph; these hold both of them to the names and fields that
clients were written for.
"""

from typing import Any

import pytest

from tests.support.server import Deployment
from tests.support.streaming import collect, datas_of, names_of

TEXT = {"text": "hello"}
QUESTION = {"messages": [{"role": "human", "content": "hi"}]}


async def stream(
    deployment: Deployment, graph_id: str, given: Any, *modes: str, **options: Any
) -> list[Any]:
    thread = await deployment.client.threads.create()
    how: Any = {"stream_mode": list(modes), **options}
    return await collect(
        deployment.client.runs.stream(thread["thread_id"], graph_id, input=given, **how)
    )


async def test_a_stream_begins_with_the_run_and_its_attempt_and_ends_with_its_status(
    embedded: Deployment,
) -> None:
    first, *_, last = await stream(embedded, "echo", TEXT, "values")
    assert first.event == "metadata"
    assert first.data == {"run_id": first.data["run_id"], "attempt": 1}
    assert (last.event, last.data["status"]) == ("end", "success")
    assert last.data["run_id"] == first.data["run_id"]


async def test_values_are_the_state_after_the_input_and_after_each_step(
    embedded: Deployment,
) -> None:
    parts = await stream(embedded, "counter", {"steps": 2}, "values")
    assert datas_of(parts, "values") == [
        {"steps": 2, "count": 0},
        {"steps": 1, "count": 1},
        {"steps": 0, "count": 2},
    ]


async def test_updates_are_by_node(embedded: Deployment) -> None:
    parts = await stream(embedded, "approval", {"topic": "rain"}, "updates")
    draft, question = datas_of(parts, "updates")
    assert draft == {"write": {"draft": "A few words about rain.", "published": False}}
    [interrupt] = question["__interrupt__"]
    assert interrupt["value"] == {"question": "Publish this?", "draft": "A few words about rain."}
    assert len(interrupt["id"]) == 32


async def test_a_static_breakpoint_is_an_interrupt_without_a_question(
    embedded: Deployment,
) -> None:
    parts = await stream(
        embedded, "approval", {"topic": "rain"}, "updates", interrupt_before=["review"]
    )
    assert datas_of(parts, "updates")[-1] == {"__interrupt__": []}


async def test_custom_events_are_what_the_node_wrote(embedded: Deployment) -> None:
    parts = await stream(embedded, "progress", {"total": 2}, "custom")
    told = {"type": "progress", "stage": "collecting", "node": "collect"}
    assert datas_of(parts, "custom") == [
        {**told, "fraction": 0.5, "label": "1 of 2"},
        {**told, "fraction": 1.0, "label": "2 of 2"},
    ]


async def test_message_tuples_are_a_chunk_and_its_metadata(embedded: Deployment) -> None:
    parts = await stream(embedded, "chat", QUESTION, "messages-tuple")
    tuples = datas_of(parts, "messages")
    assert [chunk["content"] for chunk, _ in tuples] == ["You ", "said: ", "hi", ""]
    assert {chunk["type"] for chunk, _ in tuples} == {"AIMessageChunk"}
    assert [chunk["chunk_position"] for chunk, _ in tuples] == [None, None, None, "last"]
    for _, metadata in tuples:
        assert metadata["langgraph_node"] == "answer"
        assert metadata["langgraph_step"] == 1
        assert metadata["graph_id"] == "chat"
        assert metadata["run_attempt"] == 1
        assert metadata.keys() >= {
            "assistant_id",
            "thread_id",
            "run_id",
            "langgraph_triggers",
            "langgraph_path",
            "langgraph_checkpoint_ns",
            "langgraph_version",
            "langgraph_api_version",
            "langgraph_host",
            "created_by",
        }


async def test_messages_accumulate_after_their_metadata(embedded: Deployment) -> None:
    parts = await stream(embedded, "chat", QUESTION, "messages")
    _, announced, *partial, _ = parts
    [message_id] = announced.data
    assert announced.event == "messages/metadata"
    assert announced.data[message_id]["metadata"]["langgraph_node"] == "answer"
    assert {part.event for part in partial} == {"messages/partial"}
    assert [part.data[0]["content"] for part in partial] == [
        "You ",
        "You said: ",
        "You said: hi",
        "You said: hi",
    ]
    assert {(part.data[0]["type"], part.data[0]["id"]) for part in partial} == {("ai", message_id)}


async def test_a_message_that_was_not_streamed_comes_complete(embedded: Deployment) -> None:
    question = {"messages": [{"role": "human", "content": "What is 2 + 3?"}]}
    parts = await stream(embedded, "agent", question, "messages")
    [[tool]] = datas_of(parts, "messages/complete")
    assert (tool["type"], tool["name"], tool["content"]) == ("tool", "add", "5")


async def test_the_tuple_form_wins_when_both_forms_of_messages_are_asked_for(
    embedded: Deployment,
) -> None:
    parts = await stream(embedded, "chat", QUESTION, "messages", "messages-tuple")
    assert set(names_of(parts)) == {"metadata", "messages", "end"}


async def test_tasks_have_a_start_and_a_result(embedded: Deployment) -> None:
    start, result = datas_of(await stream(embedded, "echo", TEXT, "tasks"), "tasks")
    assert start.keys() == {"id", "name", "input", "triggers", "metadata"}
    assert (start["name"], start["input"]) == ("echo", TEXT)
    assert result == {
        "id": start["id"],
        "name": "echo",
        "error": None,
        "result": TEXT,
        "interrupts": [],
    }


async def test_checkpoints_say_where_they_are_and_what_comes_next(embedded: Deployment) -> None:
    first, second, third = datas_of(
        await stream(embedded, "echo", TEXT, "checkpoints"), "checkpoints"
    )
    assert first.keys() >= {"config", "parent_config", "values", "metadata", "next", "tasks"}
    assert (first["metadata"]["source"], first["metadata"]["step"]) == ("input", -1)
    assert (first["parent_config"], first["next"]) == (None, ["__start__"])
    assert (second["values"], second["next"]) == (TEXT, ["echo"])
    assert [task["name"] for task in second["tasks"]] == ["echo"]
    assert (third["values"], third["next"], third["metadata"]["step"]) == (TEXT, [], 1)
    ids = [c["config"]["configurable"]["checkpoint_id"] for c in (first, second, third)]
    assert [c["parent_config"]["configurable"]["checkpoint_id"] for c in (second, third)] == ids[:2]


async def test_a_stateless_run_has_no_checkpoints(embedded: Deployment) -> None:
    parts = await collect(
        embedded.client.runs.stream(None, "echo", input=TEXT, stream_mode="checkpoints")
    )
    assert names_of(parts) == ["metadata", "end"]


async def test_debug_wraps_checkpoints_tasks_and_results(embedded: Deployment) -> None:
    events = datas_of(await stream(embedded, "echo", TEXT, "debug"), "debug")
    kinds = ["checkpoint", "checkpoint", "task", "task_result", "checkpoint"]
    assert [event["type"] for event in events] == kinds
    assert all(event.keys() == {"step", "timestamp", "type", "payload"} for event in events)
    first, second = events[0]["payload"], events[1]["payload"]
    assert first["parent_checkpoint"] is None
    assert first["checkpoint"].keys() == {"thread_id", "checkpoint_ns", "checkpoint_id"}
    assert second["parent_checkpoint"] == first["checkpoint"]


async def test_events_are_those_of_langchain(embedded: Deployment) -> None:
    events = datas_of(await stream(embedded, "chat", QUESTION, "events"), "events")
    assert events[0]["event"] == "on_chain_start"
    assert events[-1]["event"] == "on_chain_end"
    tokens = [e["data"]["chunk"]["content"] for e in events if e["event"] == "on_chat_model_stream"]
    assert "".join(tokens) == "You said: hi"
    assert events[0].keys() >= {"event", "name", "data", "run_id", "tags", "metadata", "parent_ids"}


@pytest.mark.parametrize(
    ("mode", "name"),
    [
        ("values", "values"),
        ("updates", "updates"),
        ("tasks", "tasks"),
        ("checkpoints", "checkpoints"),
        ("debug", "debug"),
        ("messages-tuple", "messages"),
    ],
)
async def test_events_of_subgraphs_carry_their_namespace_behind_bars(
    embedded: Deployment, mode: str, name: str
) -> None:
    parts = await stream(embedded, "research", {"question": "why"}, mode, stream_subgraphs=True)
    nodes = {
        tuple(segment.partition(":")[0] for segment in part.event.split("|"))
        for part in parts
        if part.event.startswith(name)
    }
    assert (name, "investigate", "summarise") in nodes
    assert all(parts[0] == name for parts in nodes)


@pytest.mark.parametrize("mode", ["messages", "events"])
async def test_accumulating_messages_and_langchain_events_have_no_namespace(
    embedded: Deployment, mode: str
) -> None:
    parts = await stream(embedded, "research", {"question": "why"}, mode, stream_subgraphs=True)
    assert len(parts) > 2
    assert not any("|" in part.event for part in parts)


async def test_without_the_flag_subgraphs_are_not_seen(embedded: Deployment) -> None:
    parts = await stream(embedded, "research", {"question": "why"}, "values", "updates")
    assert not any("|" in part.event for part in parts)
    assert [next(iter(data)) for data in datas_of(parts, "updates")] == [
        "plan",
        "investigate",
        "report",
    ]


async def test_modes_interleave_as_the_graph_produced_them(embedded: Deployment) -> None:
    parts = await stream(
        embedded, "progress", {"total": 1}, "values", "tasks", "custom", "updates", "checkpoints"
    )
    assert names_of(parts) == [
        "metadata",
        "checkpoints",
        "values",
        "checkpoints",
        *("tasks", "custom", "updates", "tasks"),
        *("values", "checkpoints"),
        *("tasks", "updates", "tasks"),
        *("values", "checkpoints"),
        "end",
    ]


async def test_a_failure_is_an_error_event_with_its_class_and_its_message(
    embedded: Deployment,
) -> None:
    parts = await stream(embedded, "faulty", {"verb": "raise"}, "updates")
    assert names_of(parts) == ["metadata", "updates", "error", "end"]
    assert parts[-2].data == {"error": "ValueError", "message": "told to fail"}
    assert parts[-1].data["status"] == "error"
