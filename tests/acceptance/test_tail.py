"""`joinstream tail`: a run on the terminal."""

import asyncio
from subprocess import CompletedProcess
from typing import Any
from uuid import uuid4

from langgraph_sdk.schema import Run

from tests.support.commands import run
from tests.support.server import Deployment


async def ended_run(server: Deployment, graph: str, given: dict[str, Any], *modes: Any) -> Run:
    thread = await server.client.threads.create()
    created = await server.client.runs.create(
        thread["thread_id"], graph, input=given, stream_mode=list(modes)
    )
    await server.client.runs.join(thread["thread_id"], created["run_id"])
    return created


async def tail(server: Deployment, run_id: str, *options: str) -> "CompletedProcess[str]":
    url = str(server.http.base_url)
    return await asyncio.to_thread(
        run, "tail", run_id, *options, environment={"JOINSTREAM_URL": url}
    )


async def test_a_run_is_shown_from_its_start_to_its_end(embedded: Deployment) -> None:
    counted = await ended_run(embedded, "counter", {"steps": 2}, "updates", "values")
    shown = await tail(embedded, counted["run_id"])
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.splitlines() == [
        "metadata  attempt 1",
        'values    {"steps": 2, "count": 0}',
        'updates   step {"steps": 1, "count": 1}',
        'values    {"steps": 1, "count": 1}',
        'updates   step {"steps": 0, "count": 1}',
        'values    {"steps": 0, "count": 2}',
        "end       success",
    ]


async def test_modes_can_be_picked(embedded: Deployment) -> None:
    counted = await ended_run(embedded, "counter", {"steps": 2}, "updates", "values")
    shown = await tail(embedded, counted["run_id"], "--mode", "updates")
    names = [line.split()[0] for line in shown.stdout.splitlines()]
    assert names == ["metadata", "updates", "updates", "end"]


async def test_tokens_are_joined_whichever_form_they_come_in(embedded: Deployment) -> None:
    given = {"messages": [{"role": "human", "content": "good morning"}]}
    for mode, who in (("messages-tuple", "answer"), ("messages", "ai")):
        answered = await ended_run(embedded, "chat", given, mode)
        shown = await tail(embedded, answered["run_id"])
        assert f"messages  {who} You said: good morning\n" in shown.stdout


async def test_a_failed_run_is_exit_code_1(embedded: Deployment) -> None:
    failed = await ended_run(embedded, "faulty", {"verb": "raise"}, "updates")
    shown = await tail(embedded, failed["run_id"])
    assert shown.returncode == 1
    assert "error     ValueError: " in shown.stdout
    assert shown.stdout.endswith("end       error\n")


async def test_live_begins_with_the_state(embedded: Deployment) -> None:
    counted = await ended_run(embedded, "counter", {"steps": 2}, "updates")
    shown = await tail(embedded, counted["run_id"], "--live", "--thread", counted["thread_id"])
    assert shown.stdout.splitlines() == ['values    {"steps": 0, "count": 2}', "end       success"]


async def test_a_run_that_does_not_exist_is_one_line(embedded: Deployment) -> None:
    shown = await tail(embedded, str(uuid4()))
    assert shown.returncode == 1
    assert len(shown.stderr.splitlines()) == 1
    assert "answers 404" in shown.stderr


def test_a_server_that_is_not_there_is_one_line() -> None:
    shown = run("tail", str(uuid4()), "--url", "http://127.0.0.1:1")
    assert shown.returncode == 1
    assert shown.stderr == (
        "joinstream: Nothing answers on http://127.0.0.1:1: start it, or give --url.\n"
    )
