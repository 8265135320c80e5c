"""What `wait` and `join` answer, however a run ends."""

from typing import Any

import pytest

from tests.support.server import Deployment


async def new_thread(deployment: Deployment) -> str:
    return (await deployment.client.threads.create())["thread_id"]


async def create(deployment: Deployment, graph_id: str, given: Any, **options: Any) -> Any:
    thread_id = await new_thread(deployment)
    return await deployment.client.runs.create(thread_id, graph_id, input=given, **options)


async def join(deployment: Deployment, run: Any) -> Any:
    """At the other API, without the official client, which raises what failed."""
    path = f"/threads/{run['thread_id']}/runs/{run['run_id']}/join"
    response = await deployment.there.http.get(path)
    assert response.status_code == 200
    return response.json()


async def test_waiting_gives_the_output(deployment: Deployment) -> None:
    thread_id = await new_thread(deployment)
    given: Any = {"words": ["one", "two"]}
    assert await deployment.client.runs.wait(thread_id, "parallel", input=given) == {
        "words": ["one", "two"],
        "upper": ["ONE", "TWO"],
        "sentence": "ONE TWO",
    }


@pytest.mark.parametrize("mode", ["values", "updates"])
async def test_joining_gives_the_output_whatever_modes_were_asked_for(
    deployment: Deployment, mode: Any
) -> None:
    run = await create(deployment, "counter", {"steps": 2}, stream_mode=mode)
    assert await join(deployment, run) == {"steps": 0, "count": 2}
    assert await deployment.there.client.runs.join(run["thread_id"], run["run_id"]) == {
        "steps": 0,
        "count": 2,
    }


async def test_joining_gives_that_runs_output_even_after_later_runs(
    deployment: Deployment,
) -> None:
    run = await create(deployment, "counter", {"steps": 1})
    await deployment.client.runs.wait(run["thread_id"], "counter", input={"steps": 5})
    assert (await join(deployment, run))["count"] == 1


async def test_a_failure_is_answered_with_what_was_raised(deployment: Deployment) -> None:
    failure = {"__error__": {"error": "ValueError", "message": "told to fail"}}
    thread_id = await new_thread(deployment)
    waited = await deployment.client.runs.wait(
        thread_id, "faulty", input={"verb": "raise"}, raise_error=False
    )
    assert waited == failure
    run = await create(deployment, "faulty", {"verb": "raise"})
    assert await join(deployment, run) == failure
    shown = await deployment.client.runs.get(run["thread_id"], run["run_id"])
    assert shown["status"] == "error"
    thread = await deployment.client.threads.get(run["thread_id"])
    assert thread["status"] == "error"
    assert thread["error"] == failure["__error__"]  # type: ignore[typeddict-item]  # as official


async def test_the_official_client_raises_a_failure(deployment: Deployment) -> None:
    with pytest.raises(Exception, match="ValueError: told to fail"):
        await deployment.client.runs.wait(None, "faulty", input={"verb": "raise"})


async def test_a_timeout_error_of_the_graph_is_an_error_not_a_timeout(
    deployment: Deployment,
) -> None:
    run = await create(deployment, "faulty", {"verb": "timeout"})
    assert (await join(deployment, run))["__error__"]["error"] == "TimeoutError"
    shown = await deployment.client.runs.get(run["thread_id"], run["run_id"])
    assert shown["status"] == "error"


async def test_an_interrupt_is_answered_with_the_values_and_the_question(
    deployment: Deployment,
) -> None:
    run = await create(deployment, "approval", {"topic": "rain"})
    result = await join(deployment, run)
    [interrupt] = result.pop("__interrupt__")
    draft = "A few words about rain."
    assert result == {"topic": "rain", "draft": draft, "published": False}
    assert interrupt["value"] == {"question": "Publish this?", "draft": draft}
    shown = await deployment.client.runs.get(run["thread_id"], run["run_id"])
    assert shown["status"] == "success"


async def test_a_run_that_reached_its_recursion_limit_says_so(deployment: Deployment) -> None:
    result = await deployment.client.runs.wait(
        None,
        "faulty",
        input={"verb": "recursion"},
        config={"recursion_limit": 5},
        raise_error=False,
    )
    assert isinstance(result, dict)
    assert result["__error__"]["error"] == "GraphRecursionError"
    assert "5" in result["__error__"]["message"]


async def test_a_cancelled_run_is_answered_with_what_it_had_so_far(
    deployment: Deployment,
) -> None:
    run = await create(deployment, "faulty", {"verb": "hang"})
    await deployment.client.runs.cancel(run["thread_id"], run["run_id"], wait=True)
    assert "__error__" not in await join(deployment, run)


async def test_waiting_sends_where_to_join_and_keeps_the_connection_alive(
    deployment: Deployment,
) -> None:
    thread_id = await new_thread(deployment)
    body = {"assistant_id": "faulty", "input": {"verb": "sleep", "seconds": 1.2}}
    response = await deployment.http.post(f"/threads/{thread_id}/runs/wait", json=body)
    path = response.headers["content-location"]
    assert path.startswith(f"/threads/{thread_id}/runs/")
    assert response.headers["location"] == f"{path}/join"
    assert response.headers["content-type"] == "application/json"
    assert response.content.startswith(b"\n")
    assert response.json()["trail"] == ["before", "fault", "after"]
