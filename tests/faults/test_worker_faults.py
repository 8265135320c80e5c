"""Workers that die, freeze, stop or are blocked in the middle of a run."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.support.journal import appears
from tests.support.server import ServerProcess
from tests.support.site import Site
from tests.support.streaming import datas_of, names_of
from tests.support.waiting import eventually


async def test_a_killed_workers_run_is_finished_elsewhere_without_repeating_what_was_done(
    site: Site, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    given = {"verb": "hang", "times": 1, "path": str(journal)}
    thread_id, run_id, listener = await site.begin_and_listen(
        "faulty", given, stream_mode="updates", durability="sync"
    )
    worker = await site.worker_of(run_id)
    await appears(journal, "fault")
    await worker.kill()
    result: Any = await site.client.runs.join(thread_id, run_id)
    assert result["trail"] == ["before", "fault", "after"]
    assert journal.read_text().split("\n") == ["before 0", "fault 0", "fault 0", "after 1", ""]
    parts = await listener.all()
    assert names_of(parts) == [
        "metadata",
        "updates",
        "metadata",
        "updates",
        "updates",
        "end",
    ]
    assert [data["attempt"] for data in datas_of(parts, "metadata")] == [1, 2]
    assert [next(iter(data)) for data in datas_of(parts, "updates")] == ["before", "fault", "after"]
    await site.auditor.agree(parts)


async def test_what_a_killed_worker_had_done_of_a_superstep_is_not_repeated(
    site: Site, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    thread_id, run_id, listener = await site.begin_and_listen(
        "pair", {"path": str(journal)}, stream_mode="updates", durability="sync"
    )
    worker = await site.worker_of(run_id)

    async def quick_is_done() -> bool:
        return "updates" in names_of(listener.parts)

    await eventually(quick_is_done)
    await appears(journal, "slow")
    await worker.kill()
    result: Any = await site.client.runs.join(thread_id, run_id)
    assert sorted(result["done"]) == ["quick", "slow"]
    assert sorted(journal.read_text().split()) == ["quick", "slow", "slow"]
    await site.auditor.agree(await listener.all())


async def test_a_stateless_run_of_a_killed_worker_starts_again(site: Site, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    given: Any = {"verb": "hang", "times": 1, "path": str(journal)}
    run = await site.client.runs.create(None, "faulty", input=given)
    worker = await site.worker_of(run["run_id"])
    await appears(journal, "fault")
    await worker.kill()
    result = await site.deployment.http.get(f"/runs/{run['run_id']}/join")
    assert result.json()["trail"] == ["before", "fault", "after"]
    assert journal.read_text().count("before") == 2


async def test_a_frozen_worker_that_thaws_after_its_lease_writes_nothing(
    site: Site, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    given = {"verb": "slow", "n": 40, "seconds": 0.05, "path": str(journal)}
    thread_id, run_id, listener = await site.begin_and_listen(
        "faulty", given, stream_mode="updates"
    )
    frozen = await site.worker_of(run_id)
    await appears(journal, "fault 3")
    frozen.signal(signal.SIGSTOP)

    async def taken_over() -> bool:
        return bool((await site.run(thread_id, run_id))["attempt"] == 2)

    await eventually(taken_over)
    frozen.signal(signal.SIGCONT)
    result: Any = await site.client.runs.join(thread_id, run_id)
    await frozen.line_with("lease lost")
    assert result["trail"] == ["before", *["fault"] * 40, "after"]
    assert result["step"] == 40
    shown = await site.run(thread_id, run_id)
    assert (shown["status"], shown["attempt"]) == ("success", 2)
    state: Any = await site.client.threads.get_state(thread_id)
    assert state["values"]["trail"] == result["trail"]
    await site.auditor.agree(await listener.all())


async def test_a_stopping_worker_hands_its_runs_back_without_spending_an_attempt(
    site: Site,
) -> None:
    given = {"steps": 60, "seconds": 0.05}
    begun = [await site.begin_and_listen("counter", given) for _ in range(4)]
    stopping = await site.worker_of(begun[0][1])
    stopping.signal(signal.SIGTERM)
    assert await stopping.ended() == 0
    for thread_id, run_id, listener in begun:
        result: Any = await site.client.runs.join(thread_id, run_id)
        assert result["count"] == 60
        shown = await site.run(thread_id, run_id)
        assert (shown["status"], shown["attempt"]) == ("success", 1)
        await site.auditor.agree(await listener.all())
    assert "run handed back" in stopping.log


async def test_a_run_that_was_handed_back_goes_on_where_it_stood(
    site: Site, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    given = {"verb": "hang", "times": 1, "path": str(journal)}
    thread_id, run_id = await site.begin("faulty", given, durability="sync")
    stopping = await site.worker_of(run_id)
    await appears(journal, "fault")
    stopping.signal(signal.SIGTERM)
    result: Any = await site.client.runs.join(thread_id, run_id)
    assert result["trail"] == ["before", "fault", "after"]
    assert journal.read_text().count("before") == 1
    assert (await site.run(thread_id, run_id))["attempt"] == 1


async def test_a_second_signal_ends_a_stopping_worker_at_once(site: Site) -> None:
    thread_id, run_id, listener = await site.begin_and_listen(
        "faulty", {"verb": "swallow"}, stream_mode="updates"
    )
    stopping = await site.worker_of(run_id)
    stopping.signal(signal.SIGTERM)
    await stopping.line_with("draining")
    stopping.signal(signal.SIGTERM)
    assert await stopping.ended() != 0
    await site.worker_of(run_id)
    await site.client.runs.cancel(thread_id, run_id, wait=True)
    await site.auditor.agree(await listener.all())


async def test_a_graph_that_blocks_its_loop_does_not_lose_its_lease(site: Site) -> None:
    thread_id, run_id = await site.begin("faulty", {"verb": "block", "seconds": 5})
    worker = await site.worker_of(run_id)
    result: Any = await site.client.runs.join(thread_id, run_id)
    assert result["trail"] == ["before", "fault", "after"]
    assert (await site.run(thread_id, run_id))["attempt"] == 1
    assert "a graph blocks the event loop" in worker.log
    assert "faulty.py" in worker.log


async def test_a_dead_workers_run_is_taken_over_while_the_others_are_always_busy(
    site: Site, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    given = {"verb": "hang", "times": 1, "path": str(journal)}
    thread_id, run_id = await site.begin("faulty", given)
    worker = await site.worker_of(run_id)
    await appears(journal, "fault")
    await worker.kill()

    async def keep_busy() -> None:
        while True:
            await site.client.runs.wait(None, "echo", input={"text": "x"})

    busy = asyncio.create_task(keep_busy())
    result: Any = await site.client.runs.join(thread_id, run_id)
    busy.cancel()
    assert result["trail"] == ["before", "fault", "after"]


async def test_a_run_that_kills_every_worker_ends_as_an_error_and_its_neighbours_do_not(
    site: Site,
) -> None:
    async with started_again_when_they_die(site.topology.workers):
        thread_id, run_id, listener = await site.begin_and_listen("faulty", {"verb": "kill"})
        neighbours = [
            await site.begin("counter", {"steps": 10, "seconds": 0.02}) for _ in range(10)
        ]
        result: Any = await site.deployment.there.http.get(
            f"/threads/{thread_id}/runs/{run_id}/join"
        )
        for thread, neighbour in neighbours:
            counted: Any = await site.client.runs.join(thread, neighbour)
            assert counted["count"] == 10
    error = result.json()["__error__"]
    assert "died" in error["message"]
    shown = await site.run(thread_id, run_id)
    assert (shown["status"], shown["error"]) == ("error", error)
    parts = await listener.all()
    assert [data["attempt"] for data in datas_of(parts, "metadata")] == [1, 2, 3, 4, 5]
    await site.auditor.agree(parts)
    result = await site.client.runs.wait(thread_id, "faulty", input={"verb": "ok"})
    assert result["trail"][-2:] == ["fault", "after"]


async def test_a_run_that_was_set_aside_goes_on_from_its_last_checkpoint_when_it_is_retried(
    site: Site, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    given = {"verb": "kill", "times": 4, "path": str(journal)}
    async with started_again_when_they_die(site.topology.workers):
        thread_id, run_id, listener = await site.begin_and_listen(
            "faulty", given, stream_mode="updates", durability="sync"
        )
        before = await listener.all()
    assert [data["attempt"] for data in datas_of(before, "metadata")] == [1, 2, 3, 4, 5]
    http = site.deployment.http
    found, *_ = (await http.get("/runs/set-aside")).json()
    assert (found["run_id"], found["status"], found["attempt"]) == (run_id, "error", 5)

    retried = await http.post(f"/threads/{thread_id}/runs/{run_id}/retry")
    assert retried.json()["status"] in ("pending", "running", "success")
    result: Any = await site.client.runs.join(thread_id, run_id)
    assert result["trail"] == ["before", "fault", "after"]
    assert journal.read_text().count("before") == 1
    shown = await site.run(thread_id, run_id)
    assert (shown["status"], shown["attempt"], shown["error"]) == ("success", 6, None)

    replayed = [
        part async for part in site.client.runs.join_stream(thread_id, run_id, last_event_id="-1")
    ]
    assert [data["attempt"] for data in datas_of(replayed, "metadata")] == [1, 2, 3, 4, 5, 6]
    assert [next(iter(data)) for data in datas_of(replayed, "updates")] == [
        "before",
        "fault",
        "after",
    ]
    assert "error" not in names_of(replayed)
    await site.auditor.agree(replayed)


@asynccontextmanager
async def started_again_when_they_die(workers: list[ServerProcess]) -> AsyncIterator[None]:
    """What a supervisor does."""

    async def keep(worker: ServerProcess) -> None:
        while True:
            await worker.ended()
            await worker.start()

    keepers = [asyncio.create_task(keep(worker)) for worker in workers]
    try:
        yield
    finally:
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)
