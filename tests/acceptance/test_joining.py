"""Leaving a run's stream, and joining it again from anywhere."""

import asyncio
import itertools
from typing import Any

import pytest
from langgraph_sdk.client import LangGraphClient
from langgraph_sdk.errors import NotFoundError
from langgraph_sdk.schema import StreamPart

from joinstream.domain.ids import new_run_id
from tests.support.server import Deployment
from tests.support.streaming import (
    assert_gapless,
    collect,
    datas_of,
    ids_of,
    names_of,
    without_waiting,
)
from tests.support.waiting import eventually

JOINERS = 50


async def begin(deployment: Deployment, given: Any, **options: Any) -> tuple[str, str]:
    """Start a background run of `counter` on a new thread: (thread id, run id)."""
    thread_id = (await deployment.client.threads.create())["thread_id"]
    run = await deployment.client.runs.create(thread_id, "counter", input=given, **options)
    return thread_id, run["run_id"]


async def replay(client: LangGraphClient, thread_id: str, run_id: str) -> list[StreamPart]:
    """Everything from the run's beginning to its end."""
    return await collect(client.runs.join_stream(thread_id, run_id, last_event_id="-1"))


async def status_of(deployment: Deployment, thread_id: str, run_id: str) -> str:
    return (await deployment.client.runs.get(thread_id, run_id))["status"]


async def test_fifty_joiners_at_both_apis_get_a_gapless_tail_each_and_all_end(
    deployment: Deployment,
) -> None:
    thread_id, run_id = await begin(deployment, {"steps": 60, "seconds": 0.02})
    entrances = itertools.cycle([deployment.here, deployment.there])
    joiners: list[asyncio.Task[list[StreamPart]]] = []
    # One more joins whenever the run has come a step further.
    async for part in deployment.client.runs.join_stream(thread_id, run_id, last_event_id="-1"):
        if part.event == "values" and len(joiners) < JOINERS:
            join = next(entrances).client.runs.join_stream(thread_id, run_id)
            joiners.append(asyncio.create_task(collect(join)))
    tails = await asyncio.gather(*joiners)
    assert len(tails) == JOINERS
    whole = await replay(deployment.client, thread_id, run_id)
    assert_gapless(whole)
    assert names_of(whole) == ["metadata", *["values"] * 61, "end"]
    for tail in tails:
        # who came when it was over already has been told so by the server, not by the run
        assert tail in (whole[-len(tail) :], [whole[-1]._replace(id=None)])
    assert len({len(tail) for tail in tails}) > 1


async def test_every_joiner_with_an_event_id_gets_exactly_what_came_after_it(
    deployment: Deployment,
) -> None:
    thread_id, run_id = await begin(deployment, {"steps": 10, "seconds": 0.01})
    live = await replay(deployment.there.client, thread_id, run_id)
    assert_gapless(live)
    for entrance in (deployment.here, deployment.there):
        for position, part in enumerate(live, start=1):
            rest = await collect(
                entrance.client.runs.join_stream(thread_id, run_id, last_event_id=part.id)
            )
            # Who has had the end already is told again that it is the end, without an id.
            assert rest == (live[position:] or [live[-1]._replace(id=None)])


@pytest.mark.parametrize("start", ["-1", "-", "0"])
async def test_a_replay_from_the_start_gives_an_ended_run_whole(
    deployment: Deployment, start: str
) -> None:
    thread_id, run_id = await begin(deployment, {"steps": 3})
    await deployment.client.runs.join(thread_id, run_id)
    parts = await collect(
        deployment.there.client.runs.join_stream(thread_id, run_id, last_event_id=start)
    )
    assert names_of(parts) == ["metadata", *["values"] * 4, "end"]
    assert_gapless(parts)


async def test_a_replay_gives_one_run_of_its_thread_and_no_other(deployment: Deployment) -> None:
    thread_id, first = await begin(deployment, {"steps": 2})
    second = (await deployment.client.runs.create(thread_id, "counter", input={"steps": 4}))[
        "run_id"
    ]
    await deployment.client.runs.join(thread_id, second)
    for run_id, steps in ((first, 2), (second, 4)):
        parts = await replay(deployment.client, thread_id, run_id)
        assert parts[0].data == {"run_id": run_id, "attempt": 1}
        assert len(datas_of(parts, "values")) == steps + 1


async def test_joining_a_run_that_has_ended_ends_at_once(deployment: Deployment) -> None:
    thread_id, run_id = await begin(deployment, {"steps": 1})
    await deployment.client.runs.join(thread_id, run_id)
    parts = await collect(deployment.there.client.runs.join_stream(thread_id, run_id))
    assert names_of(parts) == ["end"]
    assert parts[0].data == {"run_id": run_id, "status": "success"}


async def test_joining_a_pending_run_shows_it_from_its_first_event(deployment: Deployment) -> None:
    thread_id, first = await begin(deployment, {"steps": 30, "seconds": 0.02})
    second = (await deployment.client.runs.create(thread_id, "counter", input={"steps": 1}))[
        "run_id"
    ]
    parts = await collect(deployment.there.client.runs.join_stream(thread_id, second))
    assert without_waiting(parts)[0].data == {"run_id": second, "attempt": 1}
    assert datas_of(parts, "values")[-1]["count"] == 31
    assert_gapless(parts)
    assert await status_of(deployment, thread_id, first) == "success"


@pytest.mark.parametrize("verb", ["stream", "join"])
async def test_an_unknown_run_is_a_404_before_any_stream(deployment: Deployment, verb: str) -> None:
    thread_id = (await deployment.client.threads.create())["thread_id"]
    path = f"/threads/{thread_id}/runs/{new_run_id()}/{verb}"
    response = await deployment.there.http.get(path)
    assert response.status_code == 404
    assert "does not exist" in response.json()["detail"]


async def test_a_run_is_not_found_on_another_thread(deployment: Deployment) -> None:
    _, run_id = await begin(deployment, {"steps": 1})
    other = (await deployment.client.threads.create())["thread_id"]
    with pytest.raises(NotFoundError):
        await collect(deployment.client.runs.join_stream(other, run_id))


async def test_leaving_does_not_disturb_the_run(deployment: Deployment) -> None:
    thread_id = (await deployment.client.threads.create())["thread_id"]
    given = {"steps": 20, "seconds": 0.02}
    async for part in deployment.client.runs.stream(thread_id, "counter", input=given):
        run_id = part.data["run_id"]
        break
    assert (await deployment.there.client.runs.join(thread_id, run_id))["count"] == 20
    assert await status_of(deployment, thread_id, run_id) == "success"
    assert_gapless(await replay(deployment.client, thread_id, run_id))


async def test_leaving_cancels_a_run_that_was_created_with_on_disconnect_cancel(
    deployment: Deployment,
) -> None:
    thread_id = (await deployment.client.threads.create())["thread_id"]
    hang: Any = {"input": {"verb": "hang"}, "on_disconnect": "cancel"}
    stream = deployment.client.runs.stream(thread_id, "faulty", **hang)
    async for part in stream:
        if part.event == "metadata":
            run_id = part.data["run_id"]
            break
    await stream.aclose()  # type: ignore[attr-defined]  # it is a generator
    await assert_ends(deployment, thread_id, run_id, "interrupted")


async def test_leaving_cancels_a_run_joined_with_cancel_on_disconnect(
    deployment: Deployment,
) -> None:
    thread_id = (await deployment.client.threads.create())["thread_id"]
    run = await deployment.client.runs.create(
        thread_id, "faulty", input={"verb": "hang"}, stream_mode="updates"
    )
    path = f"/threads/{thread_id}/runs/{run['run_id']}/stream"
    async with deployment.there.http.stream("GET", path, params={"cancel_on_disconnect": "1"}):
        pass
    await assert_ends(deployment, thread_id, run["run_id"], "interrupted")


async def assert_ends(deployment: Deployment, thread_id: str, run_id: str, expected: str) -> None:
    async def ended() -> str | None:
        status = await status_of(deployment, thread_id, run_id)
        return status if status not in ("pending", "running") else None

    assert await eventually(ended) == expected


async def test_leaving_a_wait_does_not_cancel_unless_asked_to(deployment: Deployment) -> None:
    thread_id = (await deployment.client.threads.create())["thread_id"]
    body = {"assistant_id": "counter", "input": {"steps": 20, "seconds": 0.02}}
    path = f"/threads/{thread_id}/runs/wait"
    async with deployment.http.stream("POST", path, json=body) as response:
        run_id = response.headers["content-location"].rpartition("/")[2]
    assert (await deployment.there.client.runs.join(thread_id, run_id))["count"] == 20


async def test_a_stateless_stream_can_be_joined_at_its_location(deployment: Deployment) -> None:
    body = {"assistant_id": "counter", "input": {"steps": 5, "seconds": 0.01}}
    async with deployment.http.stream("POST", "/runs/stream", json=body) as response:
        location = response.headers["location"]
        own_path = response.headers["content-location"]
    run_id = own_path.removeprefix("/runs/")
    assert location == f"/runs/{run_id}/stream?last_event_id=0"
    text = (await deployment.there.http.get(location)).text
    assert text.startswith("event: metadata\n")
    assert '"count":5' in text
    assert text.count("event: end\n") == 1
    joined = await deployment.there.http.get(f"/runs/{run_id}/join")
    assert joined.json() == {"steps": 0, "count": 5, "seconds": 0.01}
    assert (await deployment.there.http.get(own_path)).json()["status"] == "success"


async def test_a_stateless_run_leaves_no_thread_behind(deployment: Deployment) -> None:
    before = await deployment.client.threads.count()
    await deployment.client.runs.wait(None, "echo", input={"text": "x"})
    assert await deployment.client.threads.count() == before


async def test_a_joiner_can_choose_modes_and_still_sees_begin_failure_and_end(
    deployment: Deployment,
) -> None:
    thread_id = (await deployment.client.threads.create())["thread_id"]
    modes: Any = ["values", "updates", "custom"]
    run = await deployment.client.runs.create(
        thread_id, "faulty", input={"verb": "raise"}, stream_mode=modes
    )
    join = deployment.client.runs.join_stream
    chosen = await collect(
        join(thread_id, run["run_id"], stream_mode="updates", last_event_id="-1")
    )
    assert names_of(chosen) == ["metadata", "updates", "error", "end"]
    none = await collect(join(thread_id, run["run_id"], stream_mode="debug", last_event_id="-1"))
    assert names_of(none) == ["metadata", "error", "end"]


async def test_a_stream_names_its_run_to_the_official_client_at_once(
    deployment: Deployment,
) -> None:
    thread_id = (await deployment.client.threads.create())["thread_id"]
    created: list[Any] = []
    parts = await collect(
        deployment.client.runs.stream(
            thread_id, "echo", input={"text": "x"}, on_run_created=created.append
        )
    )
    assert created == [{"thread_id": thread_id, "run_id": parts[0].data["run_id"]}]


async def test_ids_of_later_runs_are_higher(deployment: Deployment) -> None:
    thread_id = (await deployment.client.threads.create())["thread_id"]
    ids = []
    for _ in range(3):
        parts = await collect(deployment.client.runs.stream(thread_id, "echo", input={"text": "x"}))
        assert_gapless(parts)
        ids += ids_of(parts)
    assert ids == sorted(set(ids))
