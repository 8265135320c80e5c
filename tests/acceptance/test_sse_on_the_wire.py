"""Streams as curl, fetch and EventSource see them."""

from typing import Any

import pytest

from tests.support.server import Deployment
from tests.support.streaming import Frame, raw_stream

COUNT = {"assistant_id": "counter", "input": {"steps": 2}}
HEARTBEAT = Frame((": heartbeat",))


async def new_thread(deployment: Deployment) -> str:
    return (await deployment.client.threads.create())["thread_id"]


async def test_the_headers_let_nobody_cache_or_hold_back_and_say_where_to_rejoin(
    deployment: Deployment,
) -> None:
    thread_id = await new_thread(deployment)
    path = f"/threads/{thread_id}/runs/stream"
    async with raw_stream(deployment.http, "POST", path, json=COUNT) as (response, frames):
        headers = response.headers
        first = await anext(frames)
    assert headers["content-type"] == "text/event-stream; charset=utf-8"
    assert headers["cache-control"] == "no-store"
    assert headers["x-accel-buffering"] == "no"
    run_id = (first.field("data") or "").split('"')[3]
    assert headers["content-location"] == f"/threads/{thread_id}/runs/{run_id}"
    path, _, query = headers["location"].partition("?")
    assert path == f"/threads/{thread_id}/runs/{run_id}/stream"
    assert query == f"last_event_id={headers['x-stream-position']}"


async def test_frames_are_event_data_id_with_line_feeds(deployment: Deployment) -> None:
    path = f"/threads/{await new_thread(deployment)}/runs/stream"
    response = await deployment.http.post(path, json=COUNT)
    assert b"\r" not in response.content
    assert response.text.endswith("\n\n")
    frames = [
        frame.split("\n")
        for frame in response.text.removesuffix("\n\n").split("\n\n")
        if not frame.startswith(":")
    ]
    assert [frame[0] for frame in frames] == [
        "event: metadata",
        "event: values",
        "event: values",
        "event: values",
        "event: end",
    ]
    assert frames[1][1] == 'data: {"steps":2,"count":0}'
    for number, (_, data, id) in enumerate(frames):
        assert data.startswith("data: {")
        assert id.startswith("id: ")
        assert id.endswith(f"-{number}")


async def test_an_event_source_joins_by_get_and_resumes_by_the_last_id(
    deployment: Deployment,
) -> None:
    thread_id = await new_thread(deployment)
    run = await deployment.client.runs.create(thread_id, "counter", input={"steps": 3})
    await deployment.client.runs.join(thread_id, run["run_id"])
    path = f"/threads/{thread_id}/runs/{run['run_id']}/stream"
    browser = {"Accept": "text/event-stream", "Cache-Control": "no-cache"}

    async def read(**last_id: str) -> list[Frame]:
        """Its address stays the same; the header is there when it comes back."""
        address = f"{path}?last_event_id=-1"
        headers = {**browser, **last_id}
        async with raw_stream(deployment.there.http, "GET", address, headers=headers) as (
            _,
            frames,
        ):
            return [frame async for frame in frames if frame != HEARTBEAT]

    whole = await read()
    assert whole[0].field("event") == "metadata"
    third = whole[2].field("id")
    assert third is not None
    assert await read(**{"Last-Event-ID": third}) == whole[3:]


async def test_heartbeats_come_on_the_clock_before_and_between_events(
    deployment: Deployment,
) -> None:
    body = {"assistant_id": "faulty", "input": {"verb": "hang"}}
    async with raw_stream(deployment.http, "POST", "/runs/stream", json=body) as (response, frames):
        beats = 0
        async for frame in frames:
            beats += frame == HEARTBEAT
            if beats == 2:
                break
    path = response.headers["content-location"]
    await deployment.http.post(f"{path}/cancel", params={"wait": "1"})


async def test_the_headers_come_before_any_event(deployment: Deployment) -> None:
    thread_id = await new_thread(deployment)
    delayed: Any = {"assistant_id": "echo", "input": {"text": "x"}, "after_seconds": 3600}
    path = f"/threads/{thread_id}/runs/stream"
    async with deployment.http.stream("POST", path, json=delayed) as response:
        assert response.status_code == 200
    await deployment.http.post(f"{response.headers['content-location']}/cancel")


@pytest.mark.parametrize(
    "last_id",
    ["abc", "1-2-3", "-5", "1.5", "\u0661-\u0662", f"{2**63}-0", f"1-{2**32}", "9" * 5_000],
)
async def test_a_last_event_id_that_is_none_of_ours_is_refused(
    deployment: Deployment, last_id: str
) -> None:
    thread_id = await new_thread(deployment)
    run = await deployment.client.runs.create(thread_id, "echo", input={"text": "x"})
    path = f"/threads/{thread_id}/runs/{run['run_id']}/stream"
    for name, asked in (
        ("Last-Event-ID", {"headers": {b"Last-Event-ID": last_id.encode()}}),
        ("last_event_id", {"params": {"last_event_id": last_id}}),
    ):
        answer = await deployment.http.get(path, **asked)
        assert answer.status_code == 422
        assert answer.json()["detail"].startswith(f"{name}: ")


@pytest.mark.parametrize("query", ["", "?stream_mode=", '?stream_mode=["values"]'])
async def test_an_empty_or_listed_stream_mode_is_understood(
    deployment: Deployment, query: str
) -> None:
    thread_id = await new_thread(deployment)
    run = await deployment.client.runs.create(thread_id, "counter", input={"steps": 1})
    path = f"/threads/{thread_id}/runs/{run['run_id']}/stream{query}"
    response = await deployment.http.get(path, headers={"Last-Event-ID": "-1"})
    assert response.text.count("event: values\n") == 2
