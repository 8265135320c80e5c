"""The state of threads, over HTTP with the official client."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest
from langgraph.pregel.remote import RemoteGraph
from langgraph_sdk.errors import BadRequestError, ConflictError, NotFoundError
from structlog.testing import capture_logs

from tests.support.api import TEST_GRAPHS, Api, running_api

FIELDS = {
    "values",
    "next",
    "tasks",
    "metadata",
    "created_at",
    "checkpoint",
    "parent_checkpoint",
    "interrupts",
    "checkpoint_id",
    "parent_checkpoint_id",
}


async def make_thread(api: Api, graph_id: str) -> str:
    return (await api.client.threads.create(graph_id=graph_id))["thread_id"]


async def count_to(api: Api, thread_id: str, count: int) -> list[Any]:
    """Take `count` steps of the counter graph; the checkpoints, oldest first."""
    checkpoints = []
    for _ in range(count):
        update = {"count": 1, "steps": 0}
        answer = await api.client.threads.update_state(thread_id, update, as_node="step")
        checkpoints.append(answer["checkpoint"])
    return checkpoints


async def interrupted_thread(api: Api) -> str:
    thread_id = await make_thread(api, "approval")
    await api.execute("approval", thread_id, {"topic": "rain"})
    return thread_id


async def state_of(api: Api, thread_id: str, **arguments: Any) -> Any:
    return await api.client.threads.get_state(thread_id, **arguments)


async def test_a_thread_without_a_graph_has_an_empty_state(api: Api) -> None:
    thread_id = (await api.client.threads.create())["thread_id"]
    state = await state_of(api, thread_id)
    assert state.keys() == FIELDS
    assert (state["values"], state["next"], state["tasks"]) == ({}, [], [])
    assert state["parent_checkpoint"] is None
    assert state["created_at"] is None
    assert await api.client.threads.get_history(thread_id) == []


async def test_a_thread_whose_graph_has_not_run_has_an_empty_state(api: Api) -> None:
    state = await state_of(api, await make_thread(api, "echo"))
    assert state.keys() == FIELDS
    assert (state["values"], state["next"], state["checkpoint_id"]) == ({}, [], None)


async def test_an_update_is_read_back_and_shown_on_the_thread(api: Api) -> None:
    thread_id = await make_thread(api, "echo")
    answer: Any = await api.client.threads.update_state(thread_id, {"text": "hi"}, as_node="echo")
    state = await state_of(api, thread_id)
    assert state["values"] == {"text": "hi"}
    assert state["checkpoint"] == answer["checkpoint"] == answer["configurable"]
    assert state["checkpoint_id"] == answer["checkpoint_id"]
    assert state["metadata"]["source"] == "update"
    thread: Any = await api.client.threads.get(thread_id)
    assert (thread["values"], thread["status"]) == ({"text": "hi"}, "idle")
    assert thread["state_updated_at"] > thread["created_at"]


async def test_an_update_as_input_leaves_the_thread_to_be_continued(api: Api) -> None:
    thread_id = await make_thread(api, "echo")
    await api.client.threads.update_state(thread_id, {"text": "hi"}, as_node="__start__")
    assert (await state_of(api, thread_id))["next"] == ["echo"]
    assert (await api.client.threads.get(thread_id))["status"] == "interrupted"


async def test_the_state_at_a_checkpoint_is_read_by_id_and_by_object(api: Api) -> None:
    thread_id = await make_thread(api, "counter")
    first, second = await count_to(api, thread_id, 2)
    by_id = await state_of(api, thread_id, checkpoint_id=first["checkpoint_id"])
    by_object = await state_of(api, thread_id, checkpoint=first)
    assert by_id == by_object
    assert by_id["values"]["count"] == 1
    latest = await state_of(api, thread_id)
    assert latest["parent_checkpoint"]["checkpoint_id"] == first["checkpoint_id"]
    assert latest["checkpoint"] == second


async def test_a_checkpoint_that_does_not_exist_is_an_empty_state_with_its_id(api: Api) -> None:
    thread_id = await make_thread(api, "counter")
    await count_to(api, thread_id, 1)
    unknown = str(uuid4())
    state = await state_of(api, thread_id, checkpoint_id=unknown)
    assert (state["values"], state["checkpoint_id"]) == ({}, unknown)


async def test_an_update_at_a_checkpoint_forks_there(api: Api) -> None:
    thread_id = await make_thread(api, "counter")
    first, *_ = await count_to(api, thread_id, 3)
    await api.client.threads.update_state(
        thread_id, {"count": 10, "steps": 0}, as_node="step", checkpoint=first
    )
    state = await state_of(api, thread_id)
    assert state["values"]["count"] == 11
    assert state["parent_checkpoint"]["checkpoint_id"] == first["checkpoint_id"]


async def test_an_update_at_a_checkpoint_that_does_not_exist_is_refused(api: Api) -> None:
    """From its empty state, it would leave out all that the thread holds."""
    thread_id = await make_thread(api, "counter")
    await count_to(api, thread_id, 1)
    before, unknown = await state_of(api, thread_id), str(uuid4())
    for named in ({"checkpoint_id": unknown}, {"checkpoint": {"checkpoint_id": unknown}}):
        body = {"values": {"count": 1}, "as_node": "step", **named}
        refused = await api.http.post(f"/threads/{thread_id}/state", json=body)
        assert refused.status_code == 404
        assert refused.json()["detail"].startswith(
            f"Thread {thread_id} has no checkpoint {unknown}."
        )
    assert await state_of(api, thread_id) == before


async def test_only_selected_fields_and_values_are_sent(api: Api) -> None:
    thread_id = await make_thread(api, "counter")
    (checkpoint,) = await count_to(api, thread_id, 1)
    state = await state_of(api, thread_id, select=["next", "values.count"])
    assert state == {"next": [], "values": {"count": 1}}
    at: Any = await api.client.threads.get_state(thread_id, checkpoint, select=["next"])
    assert at == {"next": []}


async def test_an_interrupt_has_one_id_everywhere(api: Api) -> None:
    thread_id = await interrupted_thread(api)
    state = await state_of(api, thread_id)
    (task,) = state["tasks"]
    assert state["next"] == ["review"]
    assert task["interrupts"] == state["interrupts"]
    assert task["interrupts"][0]["id"]
    assert task["interrupts"][0]["value"]["question"] == "Publish this?"


async def test_updating_an_interrupted_thread_settles_what_it_waits_for(api: Api) -> None:
    thread_id = await interrupted_thread(api)
    await api.client.threads.update_state(thread_id, {"published": True}, as_node="publish")
    thread = await api.client.threads.get(thread_id)
    assert (thread["status"], thread["interrupts"]) == ("idle", {})
    await api.client.threads.update_state(thread_id, {"draft": "x"}, as_node="write")
    thread = await api.client.threads.get(thread_id)
    assert thread["status"] == "interrupted"


async def test_an_update_with_null_values_runs_the_edges_of_a_node(api: Api) -> None:
    thread_id = await make_thread(api, "approval")
    await api.client.threads.update_state(thread_id, {"topic": "rain"}, as_node="__start__")
    await api.client.threads.update_state(thread_id, None, as_node="write")
    state = await state_of(api, thread_id)
    assert (state["values"], state["next"]) == ({"topic": "rain"}, ["review"])


async def test_subgraphs_are_named_by_checkpoint_or_shown_whole(api: Api) -> None:
    thread_id = await make_thread(api, "research")
    await api.execute("research", thread_id, {"question": "why"})
    history: Any = await api.client.threads.get_history(thread_id, limit=100)
    (before,) = [state for state in history if state["next"] == ["investigate"]]
    (named,) = before["tasks"]
    assert named["state"] is None
    assert named["checkpoint"]["checkpoint_ns"].startswith("investigate:")
    asked = {"checkpoint": before["checkpoint"], "subgraphs": True}
    (whole,) = (await state_of(api, thread_id, **asked))["tasks"]
    assert whole["checkpoint"] is None
    assert whole["state"]["values"]["summary"].startswith("Two books agree")
    inner = await state_of(api, thread_id, checkpoint=whole["state"]["checkpoint"])
    assert inner["values"] == whole["state"]["values"]


async def test_a_subgraph_that_asks_is_updated_where_it_stands(database_uri: str) -> None:
    async with running_api(database_uri, config=TEST_GRAPHS) as api:
        thread_id = await make_thread(api, "asking_inside")
        await api.execute("asking_inside", thread_id, {})
        state = await state_of(api, thread_id, subgraphs=True)
        outer = state["tasks"][0]["state"]
        inner = outer["tasks"][0]["state"]
        assert (outer["next"], inner["next"]) == (["inner"], ["ask"])
        updated = await api.client.threads.update_state(
            thread_id, {"answers": ["mine"]}, as_node="ask", checkpoint=inner["checkpoint"]
        )
        assert updated["checkpoint"]["checkpoint_ns"] == inner["checkpoint"]["checkpoint_ns"]
        await api.execute("asking_inside", thread_id, None)
        done = await state_of(api, thread_id)
        assert (done["values"]["answers"], done["next"]) == (["mine"], [])


async def test_history_is_newest_first_and_pages_by_before_in_every_form(api: Api) -> None:
    thread_id = await make_thread(api, "counter")
    checkpoints = await count_to(api, thread_id, 4)
    states: Any = await api.client.threads.get_history(thread_id, limit=10)
    assert [state["values"]["count"] for state in states] == [4, 3, 2, 1]
    third = checkpoints[2]
    as_config = {"configurable": {"checkpoint_id": third["checkpoint_id"]}}
    forms: list[Any] = [third["checkpoint_id"], third, as_config]
    for before in forms:
        page: Any = await api.client.threads.get_history(thread_id, before=before, limit=10)
        assert [state["values"]["count"] for state in page] == [2, 1]
    path = f"/threads/{thread_id}/history?limit=1&before={third['checkpoint_id']}"
    assert [state["values"]["count"] for state in (await api.http.get(path)).json()] == [2]


async def test_history_is_filtered_by_metadata(api: Api) -> None:
    thread_id = await make_thread(api, "counter")
    await count_to(api, thread_id, 3)
    states: Any = await api.client.threads.get_history(thread_id, metadata={"step": 1})
    assert [state["metadata"]["step"] for state in states] == [1]


async def test_history_takes_a_checkpoint_with_only_a_namespace(api: Api) -> None:
    thread_id = await make_thread(api, "counter")
    await count_to(api, thread_id, 2)
    namespace: Any = {"checkpoint_ns": ""}
    states: Any = await api.client.threads.get_history(
        thread_id, checkpoint=namespace, select=["values.count"]
    )
    assert states == [{"values": {"count": 2}}, {"values": {"count": 1}}]


async def test_supersteps_fill_a_new_thread(api: Api) -> None:
    thread: Any = await api.client.threads.create(
        graph_id="counter",
        supersteps=[
            {"updates": [{"values": {"steps": 2}, "as_node": "__input__"}]},
            {"updates": [{"values": {"steps": 1, "count": 1}, "as_node": "step"}]},
        ],
    )
    assert thread["values"] == {"steps": 1, "count": 1}
    states = await api.client.threads.get_history(thread["thread_id"])
    assert len(states) == 2


@pytest.mark.parametrize(
    ("metadata", "as_node", "status"),
    [({}, "step", 422), ({"graph_id": "counter"}, "nowhere", 400)],
)
async def test_supersteps_that_do_not_fit_make_no_thread(
    api: Api, metadata: dict[str, str], as_node: str, status: int
) -> None:
    supersteps = [{"updates": [{"values": {"count": 1}, "as_node": as_node}]}]
    response = await api.http.post(
        "/threads", json={"metadata": metadata, "supersteps": supersteps}
    )
    assert response.status_code == status
    assert await api.client.threads.count() == 0


async def test_a_busy_thread_is_not_updated(api: Api) -> None:
    thread_id = await make_thread(api, "echo")
    await api.client.runs.create(thread_id, "echo", input={"text": "x"})
    with pytest.raises(ConflictError, match="busy"):
        await api.client.threads.update_state(thread_id, {"text": "y"}, as_node="echo")
    assert (await state_of(api, thread_id))["checkpoint_id"] is None


async def test_concurrent_updates_happen_one_after_the_other(api: Api) -> None:
    thread_id = await make_thread(api, "counter")
    await asyncio.gather(*(count_to(api, thread_id, 1) for _ in range(30)))
    assert (await state_of(api, thread_id))["values"]["count"] == 30
    assert (await api.client.threads.get(thread_id))["values"]["count"] == 30  # type: ignore[index]  # the SDK's values may be a list


async def test_a_failed_update_changes_nothing(api: Api) -> None:
    thread_id = await make_thread(api, "counter")
    await count_to(api, thread_id, 1)
    before = await api.client.threads.get(thread_id)
    with pytest.raises(BadRequestError, match="does not take"):
        await api.client.threads.update_state(thread_id, {"count": "one"}, as_node="step")
    assert await api.client.threads.get(thread_id) == before
    assert len(await api.client.threads.get_history(thread_id)) == 1


@pytest.mark.parametrize(
    ("count", "node", "traced"), [("one", "step", True), (1, "no such node", False)]
)
async def test_the_log_has_a_traceback_of_what_a_graph_raised_and_of_no_mistake_of_a_client(
    api: Api, count: Any, node: str, traced: bool
) -> None:
    thread_id = await make_thread(api, "counter")
    await count_to(api, thread_id, 1)
    with capture_logs() as logs, pytest.raises(BadRequestError, match="does not take"):
        await api.client.threads.update_state(thread_id, {"count": count}, as_node=node)
    (refused,) = [line for line in logs if line["event"] == "state request refused"]
    assert (refused["exc_info"] is not None) == traced


async def test_a_thread_of_no_graph_cannot_be_updated(api: Api) -> None:
    thread_id = (await api.client.threads.create())["thread_id"]
    with pytest.raises(BadRequestError, match="no graph yet"):
        await api.client.threads.update_state(thread_id, {"text": "x"})


async def test_a_thread_of_a_graph_that_is_gone_says_so(api: Api) -> None:
    thread_id = await make_thread(api, "retired")
    response = await api.http.get(f"/threads/{thread_id}/state")
    assert response.status_code == 424
    assert "'retired'" in response.json()["detail"]


async def test_a_remote_graph_reads_and_updates_state(api: Api) -> None:
    thread_id = await make_thread(api, "counter")
    remote = RemoteGraph("counter", client=api.client)
    config: Any = {"configurable": {"thread_id": thread_id}}
    await remote.aupdate_state(config, {"count": 1, "steps": 0}, as_node="step")
    updated = await remote.aupdate_state(config, {"count": 1, "steps": 0}, as_node="step")
    state = await remote.aget_state(config)
    assert state.values["count"] == 2
    assert state.config == updated
    history = [state async for state in remote.aget_state_history(config, before=updated)]
    assert [state.values["count"] for state in history] == [1]


NOBODY = str(UUID(int=0))


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "state", None),
        ("GET", f"state/{UUID(int=0)}", None),
        ("POST", "state/checkpoint", {"checkpoint": {}}),
        ("POST", "state", {"values": None}),
        ("GET", "history", None),
        ("POST", "history", {}),
    ],
)
async def test_an_unknown_thread_has_no_state(api: Api, method: str, path: str, body: Any) -> None:
    response = await api.http.request(method, f"/threads/{NOBODY}/{path}", json=body)
    assert response.status_code == 404
    assert NOBODY in response.json()["detail"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "state/zz", None, 422),
        ("POST", "state/checkpoint", {"checkpoint": {"checkpoint_id": "zz"}}, 422),
        ("POST", "state/checkpoint", {"checkpoint": []}, 422),
        ("POST", "state/checkpoint", {"checkpoint": {"checkpoint_map": []}}, 422),
        ("POST", "state", {"values": 3}, 422),
        ("POST", "state", {"values": {}, "checkpoint_id": "zz"}, 422),
        ("POST", "state", {"values": {}, "as_node": 5}, 422),
        ("POST", "state", {"values": {"text": "x"}, "as_node": "nowhere"}, 400),
        ("POST", "state", {"values": ["x"], "as_node": "echo"}, 400),
        ("POST", "state", {"values": {"text": "x"}, "checkpoint": {"checkpoint_ns": "a:1"}}, 400),
        ("GET", "history?limit=abc", None, 422),
        ("GET", "history?limit=0", None, 422),
        ("GET", "history?before=zz", None, 422),
        ("POST", "history", {"limit": 1001}, 422),
        ("POST", "history", {"before": "zz"}, 422),
        ("POST", "history", {"before": 5}, 422),
        ("POST", "history", {"metadata": []}, 422),
        ("POST", "history", {"checkpoint": {"checkpoint_ns": 1}}, 422),
        ("PATCH", "state", {"metadata": {}}, 405),
    ],
)
async def test_bad_state_requests_are_told_so(
    api: Api, method: str, path: str, body: Any, status: int
) -> None:
    thread_id = await make_thread(api, "echo")
    response = await api.http.request(method, f"/threads/{thread_id}/{path}", json=body)
    assert response.status_code == status
    assert response.json()["detail"]


async def test_a_missing_thread_is_a_not_found_error_of_the_client(api: Api) -> None:
    with pytest.raises(NotFoundError):
        await api.client.threads.get_state(NOBODY)
