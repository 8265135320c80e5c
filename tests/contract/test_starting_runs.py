"""What the methods of `client.runs` that start a run do.

`create`, `stream` and `wait` take much the same: what they share is in `FIELDS`, and each of the
three is a `Way` to start a run and see what came of it.
"""

import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any, get_args
from uuid import uuid4

import pytest
from langgraph_sdk.errors import NotFoundError
from langgraph_sdk.schema import StreamMode

from tests.contract.scenes import (
    all_of,
    busy_thread,
    counted_thread,
    latest_run,
    new_thread,
    refused,
)
from tests.support.contract import AnyClient, contract
from tests.support.streaming import names_of
from tests.support.waiting import eventually

pytestmark = pytest.mark.filterwarnings("ignore:`checkpoint_during` is deprecated")

Way = Callable[..., Awaitable[Any]]
"""Called with a thread's id, an assistant and fields; gives the run's values when it has ended."""


def by_creating(client: AnyClient) -> Way:
    async def run(thread_id: str | None, assistant: str, **fields: Any) -> Any:
        run = await client.runs.create(thread_id, assistant, **fields)
        return await client.runs.join(run["thread_id"], run["run_id"])

    return run


def by_streaming(client: AnyClient) -> Way:
    async def run(thread_id: str | None, assistant: str, **fields: Any) -> Any:
        parts = await all_of(client.runs.stream(thread_id, assistant, **fields))
        names = names_of(parts)
        assert (names[0], names[-1]) == ("metadata", "end")
        return [part.data for part in parts if part.event == "values"][-1]

    return run


def by_waiting(client: AnyClient) -> Way:
    async def run(thread_id: str | None, assistant: str, **fields: Any) -> Any:
        return await client.runs.wait(thread_id, assistant, **fields)

    return run


# --- what create, stream and wait share ---------------------------------------------------------


async def configuration(client: AnyClient, run: Way) -> None:
    config = {
        "tags": ["t"],
        "recursion_limit": 77,
        "configurable": {"tenant": "acme", "other": 1},
        "metadata": {"a": 1},
    }
    thread_id = await new_thread(client)
    seen = (await run(thread_id, "mirror", input={}, config=config, metadata={"b": 2}))["seen"]
    assert seen["configurable"] == seen["configurable"] | {"tenant": "acme", "other": 1}
    assert seen["metadata"] == seen["metadata"] | {"a": 1, "b": 2}
    assert (seen["tags"], seen["context"]) == (["t"], {"tenant": "acme"})
    stored = await latest_run(client, thread_id)
    assert stored["metadata"] == stored["metadata"] | {"a": 1, "b": 2}
    assert stored["kwargs"]["config"]["recursion_limit"] == 77
    seen = (await run(None, "mirror", input={}, context={"tenant": "north"}))["seen"]
    assert (seen["context"], seen["configurable"]["tenant"]) == ({"tenant": "north"}, "north")


async def commands(client: AnyClient, run: Way) -> None:
    thread_id = await new_thread(client)
    asked = await run(thread_id, "approval", input={"topic": "rain"})
    assert asked["__interrupt__"][0]["value"]["question"] == "Publish this?"
    assert (await client.threads.get(thread_id))["status"] == "interrupted"
    answer = {"resume": "yes", "update": {"draft": "Mine."}}
    answered = await run(thread_id, "approval", command=answer, strict_resume=True)
    assert answered == {"topic": "rain", "draft": "Mine.", "published": True}
    again = await run(thread_id, "approval", command={"goto": "publish"})
    assert again["published"] is True


async def breakpoints(client: AnyClient, run: Way) -> None:
    for where, steps in (
        ({"interrupt_before": ["step"]}, 2),
        ({"interrupt_after": "*"}, 1),
    ):
        thread_id = await new_thread(client)
        await run(thread_id, "counter", input={"steps": 2}, **where)
        state = await client.threads.get_state(thread_id)
        assert (state["next"], state["values"]["steps"]) == (["step"], steps)
        assert (await client.threads.get(thread_id))["status"] == "interrupted"


async def checkpoints(client: AnyClient, run: Way) -> None:
    thread_id = await counted_thread(client, 2)
    then = (await client.threads.get_history(thread_id))[1]["checkpoint"]
    for at in ({"checkpoint": then}, {"checkpoint_id": then["checkpoint_id"]}):
        await client.threads.update_state(thread_id, {"count": 10}, as_node="step")
        assert await run(thread_id, "counter", **at) == {"steps": 0, "count": 2}


async def durabilities(client: AnyClient, run: Way) -> None:
    for how, saved in (
        ({"durability": "sync"}, 4),
        ({"durability": "exit"}, 1),
        ({"checkpoint_during": False}, 1),
    ):
        thread_id = await new_thread(client)
        await run(thread_id, "counter", input={"steps": 2}, **how)
        assert len(await client.threads.get_history(thread_id)) == saved, how


async def multitasking(client: AnyClient, run: Way) -> None:
    thread_id, first = await busy_thread(client)
    with refused(409):
        await run(thread_id, "echo", input={"text": "x"}, multitask_strategy="reject")
    given = {"steps": 1, "seconds": 0}
    await run(thread_id, "counter", input=given, multitask_strategy="interrupt")
    assert (await client.runs.get(thread_id, first))["status"] == "interrupted"
    thread_id, first = await busy_thread(client)
    values = await run(thread_id, "counter", input=given, multitask_strategy="rollback")
    assert values == {"steps": 0, "seconds": 0, "count": 1}
    with pytest.raises(NotFoundError):
        await client.runs.get(thread_id, first)


async def threads(client: AnyClient, run: Way) -> None:
    thread_id = str(uuid4())
    with refused(404):
        await run(thread_id, "counter", input={"steps": 1}, if_not_exists="reject")
    made = await run(thread_id, "counter", input={"steps": 1}, if_not_exists="create")
    assert (await client.threads.get(thread_id))["values"] == made


async def whose_run(client: AnyClient, run: Way) -> None:
    """Who starts a run is told its id as soon as it is there."""
    told: list[Any] = []
    thread_id = await new_thread(client)
    await run(thread_id, "echo", input={"text": "x"}, on_run_created=told.append)
    stored = await latest_run(client, thread_id)
    assert told == [{"run_id": stored["run_id"], "thread_id": thread_id}]


async def completion(client: AnyClient, run: Way) -> None:
    told: list[Any] = []
    keep: dict[str, Any] = {"input": {"text": "x"}, "on_run_created": told.append}
    assert await run(None, "echo", on_completion="keep", **keep) == {"text": "x"}
    assert await run(None, "echo", on_completion="delete", **keep) == {"text": "x"}
    kept, gone = told
    assert (await client.threads.get(kept["thread_id"]))["values"] == {"text": "x"}
    assert (await latest_run(client, kept["thread_id"]))["run_id"] == kept["run_id"]
    assert gone["thread_id"] is None


async def delay(client: AnyClient, run: Way) -> None:
    began = time.monotonic()
    assert await run(None, "echo", input={"text": "x"}, after_seconds=0.3) == {"text": "x"}
    assert time.monotonic() - began >= 0.3


async def accepted(client: AnyClient, run: Way) -> None:
    thread_id = await new_thread(client)
    hook, tracing = "https://example.com/hook", {"project_name": "p", "example_id": str(uuid4())}
    await run(thread_id, "echo", input={"text": "x"}, webhook=hook, langsmith_tracing=tracing)
    assert (await latest_run(client, thread_id))["kwargs"]["webhook"] == hook


FIELDS = (
    configuration,
    commands,
    breakpoints,
    checkpoints,
    durabilities,
    multitasking,
    threads,
    whose_run,
    completion,
    delay,
    accepted,
)


# --- creating -----------------------------------------------------------------------------------


@contract("runs.create")
async def test_create(client: AnyClient) -> None:
    for fields in FIELDS:
        await fields(client, by_creating(client))
    thread_id = await new_thread(client)
    run = await client.runs.create(
        thread_id,
        "counter",
        input={"steps": 9, "seconds": 60},
        stream_mode=["values", "custom"],
        stream_subgraphs=True,
        stream_resumable=True,
    )
    assert (run["thread_id"], run["status"]) == (thread_id, run["status"])
    assert run["status"] in ("pending", "running")
    assert run["kwargs"] == run["kwargs"] | {
        "input": {"steps": 9, "seconds": 60},
        "stream_mode": ["values", "custom"],
        "subgraphs": True,
        "resumable": True,
    }
    assert (await client.threads.get(thread_id))["status"] == "busy"
    await client.runs.cancel(thread_id, run["run_id"], wait=True)


@contract("runs.wait")
async def test_wait(client: AnyClient) -> None:
    for fields in FIELDS:
        await fields(client, by_waiting(client))
    given = {"verb": "raise"}
    with pytest.raises(Exception, match="ValueError: told to fail"):
        await client.runs.wait(None, "faulty", input=given, raise_error=True)
    failed = await client.runs.wait(
        None, "faulty", input=given, raise_error=False, on_disconnect="cancel"
    )
    assert failed == {"__error__": {"error": "ValueError", "message": "told to fail"}}


@contract("runs.stream")
async def test_stream(client: AnyClient) -> None:
    for fields in FIELDS:
        await fields(client, by_streaming(client))
    await streams_in_every_mode(client)
    await streams_subgraphs(client)
    await streams_version_two(client)
    await ends_with_its_reader(client)
    parts = await all_of(
        client.runs.stream(None, "echo", input={"text": "x"}, feedback_keys=["liked"])
    )
    assert parts[-1].data["status"] == "success"


async def streams_in_every_mode(client: AnyClient) -> None:
    theirs = {"tools", "lifecycle"}  # of the event-streaming protocol
    modes = [mode for mode in get_args(StreamMode) if mode not in theirs]
    thread_id = await new_thread(client)
    parts = await all_of(
        client.runs.stream(thread_id, "progress", input={"total": 2}, stream_mode=modes)
    )
    names = [part.event for part in parts]
    assert {"values", "updates", "custom", "tasks", "checkpoints", "debug"} <= set(names)
    labels = [part.data["label"] for part in parts if part.event == "custom"]
    assert labels == ["1 of 2", "2 of 2"]
    said = {"messages": [{"role": "human", "content": "hi"}]}
    tuples = await all_of(
        client.runs.stream(None, "chat", input=said, stream_mode="messages-tuple")
    )
    chunks = [part.data[0] for part in tuples if part.event == "messages"]
    assert "".join(chunk["content"] for chunk in chunks) == "You said: hi"
    growing = await all_of(client.runs.stream(None, "chat", input=said, stream_mode="messages"))
    partial = [part.data[0] for part in growing if part.event == "messages/partial"]
    assert partial[-1]["content"] == "You said: hi"
    events = await all_of(client.runs.stream(None, "chat", input=said, stream_mode="events"))
    kinds = {part.data["event"] for part in events if part.event == "events"}
    assert {"on_chain_start", "on_chat_model_stream", "on_chain_end"} <= kinds


async def streams_subgraphs(client: AnyClient) -> None:
    for subgraphs, namespaces in ((False, set()), (True, {"investigate", "summarise"})):
        parts = await all_of(
            client.runs.stream(
                None,
                "research",
                input={"question": "why"},
                stream_mode="updates",
                stream_subgraphs=subgraphs,
            )
        )
        segments = {segment for part in parts for segment in part.event.split("|")[1:]}
        assert {segment.partition(":")[0] for segment in segments} == namespaces


async def streams_version_two(client: AnyClient) -> None:
    thread_id = await new_thread(client)
    parts = await all_of(
        client.runs.stream(
            thread_id, "approval", input={"topic": "rain"}, stream_resumable=True, version="v2"
        )
    )
    assert [part["type"] for part in parts] == ["metadata", "values", "values", "values"]
    assert parts[-1]["interrupts"][0]["value"]["question"] == "Publish this?"


async def ends_with_its_reader(client: AnyClient) -> None:
    given = {"steps": 9, "seconds": 60}
    for leaving, status in (("cancel", "interrupted"), ("continue", "running")):
        thread_id = await new_thread(client)
        stream = client.runs.stream(thread_id, "counter", input=given, on_disconnect=leaving)
        async with aclosing(stream):
            async for part in stream:
                if part.event == "values":
                    break
        run_id = (await latest_run(client, thread_id))["run_id"]

        async def is_so(
            thread_id: str = thread_id, run_id: str = run_id, status: str = status
        ) -> bool:
            return bool((await client.runs.get(thread_id, run_id))["status"] == status)

        await eventually(is_so)
        await client.threads.delete(thread_id)


@contract("runs.create_batch")
async def test_create_batch(client: AnyClient) -> None:
    runs = await client.runs.create_batch(
        payloads=[{"assistant_id": "echo", "input": {"text": str(n)}} for n in range(3)]
    )
    texts = [
        await client.runs.join(run["thread_id"], run["run_id"])
        for run in await client.runs.create_batch(
            [
                {"assistant_id": "echo", "input": {"text": str(n)}, "on_completion": "keep"}
                for n in range(3)
            ]
        )
    ]
    assert len({run["run_id"] for run in runs}) == 3
    assert texts == [{"text": "0"}, {"text": "1"}, {"text": "2"}]
