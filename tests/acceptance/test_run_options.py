"""What a run may be asked to be, and how runs are listed, read and deleted."""

import json
from typing import Any
from uuid import uuid4

import pytest
from langgraph_sdk.client import get_sync_client
from langgraph_sdk.errors import NotFoundError

from tests.support.server import Deployment
from tests.support.streaming import collect, datas_of, names_of


async def new_thread(deployment: Deployment, **options: Any) -> str:
    return (await deployment.client.threads.create(**options))["thread_id"]


# --- configuration ------------------------------------------------------------------------------


async def seen(deployment: Deployment, **options: Any) -> Any:
    """What the graph sees of the run's configuration."""
    thread_id = await new_thread(deployment)
    result: Any = await deployment.client.runs.wait(thread_id, "mirror", input={}, **options)
    return result["seen"]


async def test_configurable_tags_and_metadata_reach_the_graph(deployment: Deployment) -> None:
    config: Any = {"configurable": {"user": "ada"}, "tags": ["t"], "metadata": {"a": 1}}
    found = await seen(deployment, config=config, metadata={"b": 2})
    assert found["configurable"]["user"] == "ada"
    assert found["tags"] == ["t"]
    assert found["metadata"] == found["metadata"] | {"a": 1, "b": 2}


async def test_a_run_may_have_a_name_and_a_limit_of_tasks_at_a_time(deployment: Deployment) -> None:
    config: Any = {"max_concurrency": 3}
    assert (await seen(deployment, config=config))["max_concurrency"] == 3
    for config, name in (({}, "Echo"), ({"run_name": "mine"}, "mine")):
        stream = deployment.client.runs.stream(
            None, "echo", input={"text": "x"}, config=config, stream_mode="events"
        )
        first: Any = datas_of(await collect(stream), "events")[0]
        assert first["name"] == name


async def test_objects_reach_the_graph_with_their_keys_in_the_order_they_were_sent_in(
    deployment: Deployment,
) -> None:
    sent: Any = {"zebra": 1, "b": [{"y": 1, "x": 2}]}
    thread_id = await new_thread(deployment)
    parts = await collect(deployment.client.runs.stream(thread_id, "echo", input={"text": sent}))
    for values in datas_of(parts, "values"):
        assert json.dumps(values["text"]) == json.dumps(sent)
    await deployment.client.runs.wait(thread_id, "approval", input={"topic": "rain"})
    command: Any = {"resume": sent}
    await deployment.client.runs.wait(thread_id, "approval", command=command)
    run: Any = (await deployment.there.client.runs.list(thread_id))[0]
    assert json.dumps(run["kwargs"]["command"]["resume"]) == json.dumps(sent)


async def test_a_context_reaches_the_graph_and_is_mirrored_into_configurable(
    deployment: Deployment,
) -> None:
    found = await seen(deployment, context={"tenant": "north"})
    assert found["context"] == {"tenant": "north"}
    assert found["configurable"]["tenant"] == "north"


async def test_a_configurable_key_of_the_context_schema_is_also_context(
    deployment: Deployment,
) -> None:
    found = await seen(deployment, config={"configurable": {"tenant": "south", "other": 1}})
    assert found["context"] == {"tenant": "south"}
    assert found["configurable"]["other"] == 1


async def test_later_runs_of_a_thread_inherit_no_settings(deployment: Deployment) -> None:
    thread_id = await new_thread(deployment)
    config: Any = {"configurable": {"tenant": "south"}, "tags": ["t"], "metadata": {"a": 1}}
    runs: Any = deployment.client.runs
    first = (await runs.wait(thread_id, "mirror", input={}, config=config))["seen"]
    assert first["context"] == {"tenant": "south"}
    later = (await runs.wait(thread_id, "mirror", input={}))["seen"]
    assert (later["context"], later["tags"]) == (None, [])
    assert "tenant" not in later["configurable"]
    assert "a" not in later["metadata"]


async def test_the_ids_a_graph_sees_are_the_servers(deployment: Deployment) -> None:
    thread_id = await new_thread(deployment)
    forged: Any = {"configurable": {"run_id": str(uuid4()), "assistant_id": "forged"}}
    run = await deployment.client.runs.create(thread_id, "mirror", input={}, config=forged)
    result: Any = await deployment.client.runs.join(thread_id, run["run_id"])
    for ids in (result["seen"]["configurable"], result["seen"]["metadata"]):
        assert ids["run_id"] == run["run_id"]
        assert ids["thread_id"] == thread_id
        assert ids["assistant_id"] == run["assistant_id"]
        assert ids["graph_id"] == "mirror"


async def test_an_assistants_configuration_is_overlaid_by_the_runs(deployment: Deployment) -> None:
    assistant = await deployment.client.assistants.create(
        "mirror", config={"configurable": {"user": "ada", "lang": "en"}}, metadata={"team": "x"}
    )
    thread_id = await new_thread(deployment)
    result: Any = await deployment.there.client.runs.wait(
        thread_id,
        assistant["assistant_id"],
        input={},
        config={"configurable": {"lang": "fr"}},
    )
    configurable = result["seen"]["configurable"]
    assert (configurable["user"], configurable["lang"]) == ("ada", "fr")
    assert result["seen"]["metadata"]["team"] == "x"


# --- threads ------------------------------------------------------------------------------------


async def test_a_run_can_create_its_thread(deployment: Deployment) -> None:
    thread_id = str(uuid4())
    result = await deployment.client.runs.wait(
        thread_id, "counter", input={"steps": 1}, if_not_exists="create", metadata={"k": "v"}
    )
    assert result == {"steps": 0, "count": 1}
    thread: Any = await deployment.there.client.threads.get(thread_id)
    assert thread["metadata"]["graph_id"] == "counter"
    assert thread["values"] == {"steps": 0, "count": 1}


@pytest.mark.parametrize("verb", ["", "/stream", "/wait"])
async def test_a_run_on_an_unknown_thread_is_not_found(deployment: Deployment, verb: str) -> None:
    body = {"assistant_id": "echo", "input": {"text": "x"}}
    response = await deployment.http.post(f"/threads/{uuid4()}/runs{verb}", json=body)
    assert response.status_code == 404
    assert "if_not_exists" in response.json()["detail"]


async def test_a_stateless_run_can_keep_its_thread(deployment: Deployment) -> None:
    run = await deployment.client.runs.create(
        None, "counter", input={"steps": 2}, on_completion="keep"
    )
    await deployment.client.runs.join(run["thread_id"], run["run_id"])
    state: Any = await deployment.there.client.threads.get_state(run["thread_id"])
    assert state["values"] == {"steps": 0, "count": 2}


@pytest.mark.parametrize("verb", ["", "/stream", "/wait"])
async def test_a_kept_run_is_found_on_its_thread(deployment: Deployment, verb: str) -> None:
    body = {"assistant_id": "echo", "input": {"text": "x"}, "on_completion": "keep"}
    answer = await deployment.http.post(f"/runs{verb}", json=body)
    run: Any = (await deployment.there.http.get(answer.headers["content-location"])).json()
    thread: Any = await deployment.client.threads.get(run["thread_id"])
    assert answer.headers["content-location"].startswith(f"/threads/{thread['thread_id']}/runs/")


@pytest.mark.parametrize(("durability", "checkpoints"), [("sync", 5), ("async", 5), ("exit", 1)])
async def test_durability_decides_how_many_checkpoints_are_written(
    deployment: Deployment, durability: Any, checkpoints: int
) -> None:
    thread_id = await new_thread(deployment)
    await deployment.client.runs.wait(
        thread_id, "counter", input={"steps": 3}, durability=durability
    )
    history = await deployment.there.client.threads.get_history(thread_id, limit=100)
    assert len(history) == checkpoints
    assert history[0]["values"] == {"steps": 0, "count": 3}


# --- time and number ----------------------------------------------------------------------------


async def test_a_delayed_run_lets_later_ones_pass(deployment: Deployment) -> None:
    thread_id = await new_thread(deployment)
    delayed = await deployment.client.runs.create(
        thread_id, "counter", input={"steps": 1}, after_seconds=1
    )
    prompt: Any = await deployment.there.client.runs.wait(thread_id, "counter", input={"steps": 1})
    assert prompt["count"] == 1
    shown = await deployment.client.runs.get(thread_id, delayed["run_id"])
    assert shown["status"] == "pending"
    late: Any = await deployment.there.client.runs.join(thread_id, delayed["run_id"])
    assert late["count"] == 2


async def test_a_batch_creates_stateless_runs_in_order(deployment: Deployment) -> None:
    runs = await deployment.client.runs.create_batch(
        [{"assistant_id": "echo", "input": {"text": str(n)}} for n in range(5)]  # type: ignore[typeddict-item]  # the other keys are optional
    )
    results = [await deployment.there.http.get(f"/runs/{run['run_id']}/join") for run in runs]
    assert [result.json() for result in results] == [{"text": str(n)} for n in range(5)]


async def test_a_batch_that_is_empty_or_wrong_creates_nothing(deployment: Deployment) -> None:
    half_good = [{"assistant_id": "echo"}, {"assistant_id": "nowhere"}]
    batches: list[Any] = [[], half_good, {}]
    for batch in batches:
        response = await deployment.http.post("/runs/batch", json=batch)
        assert response.status_code == 422
        if batch == half_good:
            assert response.json()["detail"].startswith("[1]: assistant_id: 'nowhere' is neither")


async def test_a_webhook_is_accepted_and_shown(deployment: Deployment) -> None:
    thread_id = await new_thread(deployment)
    run: Any = await deployment.client.runs.create(
        thread_id, "echo", input={"text": "x"}, webhook="http://127.0.0.1:9/hook"
    )
    assert run["kwargs"]["webhook"] == "http://127.0.0.1:9/hook"
    assert await deployment.client.runs.join(thread_id, run["run_id"]) == {"text": "x"}


# --- reading and deleting -----------------------------------------------------------------------


async def test_a_run_shows_what_was_asked_for(deployment: Deployment) -> None:
    thread_id = await new_thread(deployment)
    modes: Any = ["values", "custom"]
    created: Any = await deployment.client.runs.create(
        thread_id,
        "echo",
        input={"text": "x"},
        stream_mode=modes,
        stream_subgraphs=True,
        stream_resumable=True,
        multitask_strategy="reject",
        metadata={"a": 1},
    )
    await deployment.client.runs.join(thread_id, created["run_id"])
    run: Any = await deployment.there.client.runs.get(thread_id, created["run_id"])
    assert run["thread_id"] == thread_id
    assert run["status"] == "success"
    assert run["multitask_strategy"] == "reject"
    assert run["metadata"]["a"] == 1
    assert run["metadata"]["assistant_id"] == run["assistant_id"]
    wanted = {"stream_mode": modes, "subgraphs": True, "resumable": True, "input": {"text": "x"}}
    assert run["kwargs"] == run["kwargs"] | wanted
    assert run.keys() >= {"created_at", "updated_at"}


async def test_runs_are_listed_newest_first_in_pages_and_by_status(deployment: Deployment) -> None:
    thread_id = await new_thread(deployment)
    for verb in ("ok", "raise", "ok"):
        await deployment.client.runs.wait(
            thread_id, "faulty", input={"verb": verb}, raise_error=False
        )
    listed: Any = deployment.there.client.runs.list
    runs = await listed(thread_id)
    assert [run["status"] for run in runs] == ["success", "error", "success"]
    assert [run["created_at"] for run in runs] == sorted(
        (run["created_at"] for run in runs), reverse=True
    )
    assert await listed(thread_id, limit=1, offset=1) == [runs[1]]
    assert await listed(thread_id, status="error") == [runs[1]]
    assert await listed(thread_id, limit=1, select=["run_id", "status"]) == [
        {"run_id": runs[0]["run_id"], "status": "success"}
    ]


async def test_deleting_an_ended_run_removes_its_checkpoints(deployment: Deployment) -> None:
    thread_id = await new_thread(deployment)
    run = await deployment.client.runs.create(thread_id, "counter", input={"steps": 2})
    await deployment.client.runs.join(thread_id, run["run_id"])
    await deployment.there.client.runs.delete(thread_id, run["run_id"])
    with pytest.raises(NotFoundError):
        await deployment.client.runs.get(thread_id, run["run_id"])
    assert await deployment.client.runs.list(thread_id) == []
    assert await deployment.client.threads.get_history(thread_id) == []


# --- clients ------------------------------------------------------------------------------------


def test_the_synchronous_client_works_too(deployment: Deployment) -> None:
    with get_sync_client(url=str(deployment.http.base_url)) as client:
        thread_id = client.threads.create()["thread_id"]
        modes: Any = ["values", "updates"]
        parts = list(
            client.runs.stream(thread_id, "counter", input={"steps": 1}, stream_mode=modes)
        )
        assert [part.event for part in parts] == [
            "metadata",
            "values",
            "updates",
            "values",
            "end",
        ]
        assert client.runs.wait(thread_id, "counter", input={"steps": 1}) == {
            "steps": 0,
            "count": 2,
        }
        run = client.runs.create(thread_id, "faulty", input={"verb": "hang"})
        client.runs.cancel(thread_id, run["run_id"], wait=True)
        assert client.runs.get(thread_id, run["run_id"])["status"] == "interrupted"
        replayed = list(
            client.runs.join_stream(thread_id, parts[0].data["run_id"], last_event_id="-1")
        )
        assert replayed == parts


async def test_the_official_client_reads_version_two_of_its_stream_parts(
    deployment: Deployment,
) -> None:
    thread_id = await new_thread(deployment)
    parts: Any = deployment.client.runs.stream(
        thread_id, "approval", input={"topic": "rain"}, stream_mode="values", version="v2"
    )
    types = [part async for part in parts]
    assert [part["type"] for part in types] == ["metadata", "values", "values", "values"]
    assert types[-1]["interrupts"][0]["value"]["question"] == "Publish this?"


async def test_a_large_result_arrives_whole_by_every_way(deployment: Deployment) -> None:
    thread_id = await new_thread(deployment)
    size = 2_000_000
    given: Any = {"verb": "big", "bytes": size}
    parts = await collect(deployment.client.runs.stream(thread_id, "faulty", input=given))
    assert names_of(parts)[-1] == "end"
    assert len(datas_of(parts, "values")[-1]["cargo"]) == size
    run_id = parts[0].data["run_id"]
    replayed = await collect(
        deployment.there.client.runs.join_stream(thread_id, run_id, last_event_id="-1")
    )
    assert replayed == parts
    joined: Any = await deployment.there.client.runs.join(thread_id, run_id)
    assert len(joined["cargo"]) == size


async def test_an_event_of_fifty_megabytes_arrives_live_and_replayed(
    two_and_two: Deployment,
) -> None:
    """Redis drops subscribers who have that much waiting for them."""
    thread_id = await new_thread(two_and_two)
    size = 50_000_000
    given: Any = {"verb": "big", "bytes": size}
    parts = await collect(
        two_and_two.client.runs.stream(thread_id, "faulty", input=given, stream_mode="updates")
    )
    assert names_of(parts) == ["metadata", *["updates"] * 3, "end"]
    assert len(parts[2].data["fault"]["cargo"]) == size
    replayed = await collect(
        two_and_two.there.client.runs.join_stream(
            thread_id, parts[0].data["run_id"], last_event_id="-1"
        )
    )
    assert replayed == parts


async def test_a_flood_of_events_arrives_complete_and_in_order(deployment: Deployment) -> None:
    thread_id = await new_thread(deployment)
    given: Any = {"verb": "flood", "n": 5_000}
    parts = await collect(
        deployment.client.runs.stream(thread_id, "faulty", input=given, stream_mode="custom")
    )
    assert [data["i"] for data in datas_of(parts, "custom")] == list(range(5_000))
