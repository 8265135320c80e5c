"""Whatever a graph does wrongly fails its own run with a reason, and harms no neighbour."""

from typing import Any

import pytest

from tests.support.server import Deployment
from tests.support.streaming import assert_gapless, collect, datas_of, names_of


async def new_thread(deployment: Deployment) -> str:
    return (await deployment.client.threads.create())["thread_id"]


async def failure(deployment: Deployment, graph_id: str, given: Any) -> tuple[str, str]:
    """Error class and message of a run that has to fail, the same wherever one looks."""
    thread_id = await new_thread(deployment)
    parts = await collect(deployment.client.runs.stream(thread_id, graph_id, input=given))
    assert_gapless(parts)
    assert parts[-2].event == "error"
    assert parts[-1].data["status"] == "error"
    error = parts[-2].data
    run_id = parts[0].data["run_id"]
    joined = await deployment.there.http.get(f"/threads/{thread_id}/runs/{run_id}/join")
    assert joined.json() == {"__error__": error}
    run: Any = await deployment.there.client.runs.get(thread_id, run_id)
    thread: Any = await deployment.there.client.threads.get(thread_id)
    assert (run["status"], run["error"]) == ("error", error)
    assert (thread["status"], thread["error"]) == ("error", error)
    return error["error"], error["message"]


@pytest.mark.parametrize("given", [7, "text", [1], True])
async def test_an_input_that_is_no_state_fails_the_run_with_a_reason(
    deployment: Deployment, given: Any
) -> None:
    _, message = await failure(deployment, "echo", given)
    assert message


async def test_an_input_that_does_not_fit_the_schema_says_which_field(
    deployment: Deployment,
) -> None:
    name, message = await failure(deployment, "strict", {"n": "many"})
    assert name == "ValidationError"
    assert "n\n" in message
    assert "integer" in message


async def test_a_node_that_lacks_its_input_fails_the_run(deployment: Deployment) -> None:
    assert await failure(deployment, "approval", {"draft": "x"}) == ("KeyError", "'topic'")


async def test_an_unknown_node_to_go_to_fails_the_run(deployment: Deployment) -> None:
    thread_id = await new_thread(deployment)
    await deployment.client.runs.wait(thread_id, "echo", input={"text": "x"})
    parts = await collect(
        deployment.client.runs.stream(thread_id, "echo", command={"goto": "nowhere"})
    )
    assert parts[-1].event == "end"
    assert (await deployment.client.threads.get(thread_id))["status"] != "busy"


async def test_a_value_that_cannot_be_saved_fails_the_run_and_names_its_type(
    deployment: Deployment,
) -> None:
    _, message = await failure(deployment, "faulty", {"verb": "unserializable"})
    assert "lock" in message
    assert "cargo" in message


async def test_a_thread_keeps_its_last_good_state_when_a_value_cannot_be_saved(
    deployment: Deployment,
) -> None:
    thread_id = await new_thread(deployment)
    await deployment.client.runs.wait(thread_id, "faulty", input={"verb": "ok"})
    await deployment.client.runs.wait(
        thread_id, "faulty", input={"verb": "unserializable"}, raise_error=False
    )
    state: Any = await deployment.there.client.threads.get_state(thread_id)
    assert state["values"]["trail"][:4] == ["before", "fault", "after", "before"]
    result: Any = await deployment.client.runs.wait(thread_id, "faulty", input={"verb": "ok"})
    assert result["trail"][-3:] == ["before", "fault", "after"]


async def test_an_event_that_cannot_be_encoded_is_null_where_it_cannot(
    deployment: Deployment,
) -> None:
    thread_id = await new_thread(deployment)
    parts = await collect(
        deployment.client.runs.stream(
            thread_id, "faulty", input={"verb": "unserializable_event"}, stream_mode="custom"
        )
    )
    assert datas_of(parts, "custom") == [{"lock": None}]
    assert parts[-1].data["status"] == "success"


@pytest.mark.parametrize(
    ("verb", "cargo"),
    [
        ("nan", [None, None]),
        ("surrogate", "lone ? surrogate"),
        ("nul", "nul \ufffd byte"),
        ("huge", 1e30),
    ],
)
async def test_what_json_or_postgres_cannot_hold_is_replaced_everywhere_alike(
    deployment: Deployment, verb: str, cargo: Any
) -> None:
    thread_id = await new_thread(deployment)
    given: Any = {"verb": verb, "n": 30}
    parts = await collect(deployment.client.runs.stream(thread_id, "faulty", input=given))
    assert names_of(parts)[-1] == "end"
    assert parts[-1].data["status"] == "success"
    run_id = parts[0].data["run_id"]
    joined: Any = await deployment.there.client.runs.join(thread_id, run_id)
    thread: Any = await deployment.there.client.threads.get(thread_id)
    state: Any = await deployment.there.client.threads.get_state(thread_id)
    assert joined["cargo"] == thread["values"]["cargo"] == cargo
    assert state["values"]["cargo"] in (cargo, "nul \x00 byte")
    assert state["next"] == []
    assert "nan" not in repr(joined["cargo"])


async def test_a_state_that_is_no_json_ends_its_run(deployment: Deployment) -> None:
    """By what it leaves alone: none of its events has the state."""
    thread_id = await new_thread(deployment)
    parts = await collect(
        deployment.client.runs.stream(
            thread_id, "faulty", input={"verb": "endless"}, stream_mode="custom"
        )
    )
    assert parts[-1].data["status"] == "error"
    run: Any = await deployment.client.runs.get(thread_id, parts[0].data["run_id"])
    assert run["error"]["message"].startswith("What the run has left cannot be stored.")
    for shown in ("state", "history"):
        answer = await deployment.http.get(f"/threads/{thread_id}/{shown}")
        assert (answer.status_code, "no JSON" in answer.text) == (424, True)
    assert (await deployment.client.threads.get(thread_id))["status"] == "error"


@pytest.mark.parametrize("verb", ["raise", "timeout", "exit", "keyboard", "base", "cancelled"])
async def test_whatever_a_node_raises_ends_its_run_and_no_other(
    deployment: Deployment, verb: str
) -> None:
    neighbour_thread = await new_thread(deployment)
    given: Any = {"steps": 10, "seconds": 0.02}
    neighbour = await deployment.client.runs.create(neighbour_thread, "counter", input=given)
    name, message = await failure(deployment, "faulty", {"verb": verb})
    assert name
    assert message
    result: Any = await deployment.client.runs.join(neighbour_thread, neighbour["run_id"])
    assert result["count"] == 10
    shown: Any = await deployment.client.runs.get(neighbour_thread, neighbour["run_id"])
    assert (shown["status"], shown["attempt"]) == ("success", 1)


async def test_a_thread_whose_run_failed_can_run_again(deployment: Deployment) -> None:
    thread_id = await new_thread(deployment)
    for verb in ("raise", "exit", "base"):
        await deployment.client.runs.wait(
            thread_id, "faulty", input={"verb": verb}, raise_error=False
        )
    result: Any = await deployment.client.runs.wait(thread_id, "faulty", input={"verb": "ok"})
    assert result["trail"][-3:] == ["before", "fault", "after"]
    assert (await deployment.client.threads.get(thread_id))["status"] == "idle"
