"""Workers that die while LangServe's clients listen."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import orjson
from langchain_core.tracers.log_stream import RunLogPatch

from tests.support.journal import appears
from tests.support.site import Site

STREAMS = ("stream", "stream_log", "stream_events")


async def test_calls_whose_workers_die_are_answered_to_the_end(site: Site, tmp_path: Path) -> None:
    """Each is stateless, so each is executed anew."""
    http = site.deployment.http
    invoking = asyncio.create_task(
        http.post("/langserve/faulty/invoke", json=hanging_once(tmp_path / "invoke"), timeout=60)
    )
    streaming = [asyncio.create_task(told(http, how, tmp_path / how)) for how in STREAMS]
    for how in ("invoke", *STREAMS):
        await appears(tmp_path / how, "fault")
    for worker in site.topology.workers:
        await worker.kill()
    await site.topology.start_all()
    assert (await invoking).json()["output"]["trail"] == ["before", "fault", "after"]
    chunks, patches, events = await asyncio.gather(*streaming)
    assert_told_once(chunks)
    assert_whole_log(patches)
    assert_begun_twice(events)


def hanging_once(journal: Path) -> dict[str, Any]:
    return {"input": {"verb": "hang", "times": 1, "path": str(journal)}}


async def told(http: httpx.AsyncClient, how: str, journal: Path) -> list[Any]:
    """What the `data` events of a call have, which comes to a good end."""
    url, body = f"/langserve/faulty/{how}", hanging_once(journal)
    async with http.stream("POST", url, json=body, timeout=60) as answer:
        lines = [line async for line in answer.aiter_lines() if line and not line.startswith(":")]
    assert lines.pop() == "event: end"
    return [
        orjson.loads(data.removeprefix("data: "))
        for name, data in zip(lines[::2], lines[1::2], strict=True)
        if name == "event: data"
    ]


def assert_told_once(chunks: list[Any]) -> None:
    assert [next(iter(chunk)) for chunk in chunks] == ["before", "fault", "after"]


def assert_whole_log(patches: list[Any]) -> None:
    log: Any = None
    for patch in (RunLogPatch(*each["ops"]) for each in patches):
        log = patch if log is None else log + patch
    assert [*map(next, map(iter, log.state["streamed_output"]))] == ["before", "fault", "after"]
    assert all(part["end_time"] for part in log.state["logs"].values())


def assert_begun_twice(events: list[Any]) -> None:
    begun = [event for event in events if not event["parent_ids"] and "start" in event["event"]]
    assert [event["metadata"]["run_attempt"] for event in begun] == [1, 2]
    assert events[-1]["data"]["output"]["trail"] == ["before", "fault", "after"]
