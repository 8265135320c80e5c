"""A thread's events over a log that has lost its beginning, and over rows whose end nobody told."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID, uuid4

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.typing import Origin

from joinstream.domain.events import EventId, Frame, FrameKind
from joinstream.domain.ids import ThreadId
from joinstream.encoding import dumps
from joinstream.event_streaming.filters import ChannelFilter
from joinstream.event_streaming.sequence import seq_of
from joinstream.event_streaming.timeline import Told
from joinstream.ports import Retention
from joinstream.services.thread_events import CaughtUp
from joinstream.services.watched_past import WatchedPast
from joinstream.settings.http import CorsConfig
from joinstream.streams.codec import sse_bytes
from tests.support.api import TENANTS, Api, running_api
from tests.support.event_streams import lifecycle_of, lives_of, seqs_of, watching
from tests.support.postgres import PostgresForTests
from tests.support.streaming import raw_stream

AGES = [
    # created, ended: seconds ago; whether the run has made its thread; how it ended; when that is
    # told
    (0.1, 0, False, "success", "now"),
    (0.1, 0, False, "error", "now"),
    (20, 1, False, "success", "later"),
    (20, 10, False, "success", "never"),
    (20, 10, True, "success", "later"),
    (50, 40, True, "success", "never"),
    (50, 40, True, "error", "later"),
]
MORE_THAN_A_LOG_HOLDS = 10_500
EPOCH = time.time_ns() // 1_000_000 + 3_600_000
"""As of a claim: after the creation of every thread here, in milliseconds."""


@pytest.fixture(scope="module")
async def api(postgres: PostgresForTests) -> AsyncIterator[Api]:
    uri = await postgres.fresh_database()
    async with running_api(uri, over_tcp=True, heartbeat_seconds=0.2) as running:
        running.app.state.services.thread_events.past.later_seconds = 0.1
        yield running
    await postgres.drop_database(uri)


async def write(api: Api, thread_id: str, count: int) -> None:
    """Custom events of a run that still executes, as many."""
    run_id = uuid4()
    frames = [
        Frame(
            EventId(EPOCH, k),
            EventId(EPOCH, k - 1) if k else None,
            run_id,
            FrameKind.EVENT if k else FrameKind.METADATA,
            "custom",
            0,
            sse_bytes("custom", b"%d" % k, EventId(EPOCH, k)),
        )
        for k in range(count)
    ]
    for at in range(0, count, 500):
        await api.backends.bus.events.append(
            UUID(thread_id), frames[at : at + 500], Retention(60.0)
        )


async def test_who_comes_back_to_a_log_that_was_cut_is_told(api: Api) -> None:
    thread_id = str(uuid4())
    await write(api, thread_id, MORE_THAN_A_LOG_HOLDS)
    since = seq_of(EventId(EPOCH, 5))
    async with watching(api.http, thread_id, "custom", since=since) as events:
        gap, first = await events.next(), await events.next()
    assert (gap["type"], gap["id"], gap["error"], gap["since"]) == (
        "error",
        None,
        "resume_gap",
        since,
    )
    assert gap["min_available_seq"] == first["seq"]
    async with watching(api.http, thread_id, "custom") as events:
        assert (await events.next())["seq"] == first["seq"], "nothing asked for is missing"
    async with watching(api.http, thread_id, "custom", since=first["seq"]) as events:
        assert (await events.next())["seq"] == first["seq"] + 1


async def test_a_log_that_is_gone_is_a_gap_to_who_comes_back(api: Api) -> None:
    async with watching(api.http, str(uuid4()), "custom", since=17) as events:
        gap = await events.next()
    assert (gap["error"], gap["min_available_seq"]) == ("resume_gap", None)


async def test_a_socket_answers_a_reconnection_over_a_gap_with_an_error(api: Api) -> None:
    thread_id = str(uuid4())
    await write(api, thread_id, MORE_THAN_A_LOG_HOLDS)
    url = str(api.http.base_url.copy_with(scheme="ws")).rstrip("/")
    params = {"channels": ["custom"], "since": seq_of(EventId(EPOCH, 5))}
    command = {"id": 1, "method": "subscription.reconnect", "params": params}
    async with connect(f"{url}/threads/{thread_id}/stream/events") as socket:
        await socket.send(json.dumps(command))
        answer = json.loads(await socket.recv())
    assert (answer["type"], answer["id"], answer["error"]) == ("error", 1, "resume_gap")


async def test_an_end_that_nobody_announced_is_told_from_the_row(api: Api) -> None:
    """Its worker died between the commit and the announcement; here, nobody ever announces."""
    thread_id = str((await api.client.threads.create())["thread_id"])
    run = await api.client.runs.create(thread_id, "echo", input={"text": "hi"})
    async with watching(api.http, thread_id, "lifecycle") as events:
        await events.heartbeat()  # the run has been seen as one that has not ended
        await api.backends.database.execute(
            "update runs set status = 'error', started_at = now(), ended_at = now(),"
            """ error = '{"error": "ValueError", "message": "no"}' where run_id = $1""",
            UUID(run["run_id"]),
        )
        await api.backends.bus.events.nudge(UUID(thread_id))
        end = await events.next()
    assert lifecycle_of(end) == "failed"
    assert end["params"]["data"]["error"] == "no"
    assert lives_of([end]) == [(run["run_id"], "failed")]


async def test_the_end_of_a_run_that_is_gone_is_told_although_another_came_after_it(
    api: Api,
) -> None:
    """Rolled back by a worker that could not tell of it."""
    thread_id = str((await api.client.threads.create())["thread_id"])
    gone = await api.client.runs.create(thread_id, "echo", input={"text": "hi"})
    async with watching(api.http, thread_id, "lifecycle") as events:
        await events.heartbeat()
        await api.client.runs.create(thread_id, "echo", input={"text": "hi"})
        await api.backends.database.execute(
            "delete from runs where run_id = $1", UUID(gone["run_id"])
        )
        await api.backends.bus.events.nudge(UUID(thread_id))
        ends = [await events.next(), await events.next()]
    assert lives_of(ends) == [(gone["run_id"], "interrupted"), (gone["run_id"], "failed")]


async def ended_run(
    api: Api, thread_id: str, status: str, created: float = 0, ended: float = 0
) -> str:
    """A run of long ago, in the log and in the table."""
    run = await api.client.runs.create(thread_id, "echo", if_not_exists="create")
    id = EventId(EPOCH, 0)
    end = sse_bytes("end", dumps({"status": status}), id)
    frame = Frame(id, None, UUID(run["run_id"]), FrameKind.END, "end", 0, end)
    await api.backends.bus.events.append(UUID(thread_id), [frame], Retention(60.0))
    await api.backends.database.execute(
        "update runs set status = $3, started_at = now(), epoch = $2,"
        " created_at = now() - make_interval(secs => $4),"
        " ended_at = now() - make_interval(secs => $5) where run_id = $1",
        UUID(run["run_id"]),
        EPOCH,
        status,
        float(created),
        float(ended),
    )
    return run["run_id"]


@pytest.mark.parametrize(("created", "ended", "makes_thread", "status", "told"), AGES)
async def test_when_a_watcher_is_told_how_the_last_run_ended(
    api: Api, created: float, ended: float, makes_thread: bool, status: str, told: str
) -> None:
    thread_id = str(uuid4())
    if not makes_thread:
        await api.client.threads.create(thread_id=thread_id)
    await ended_run(api, thread_id, status, created, ended)
    if makes_thread:
        await api.backends.database.execute(
            "update threads t set created_at = r.created_at from runs r"
            " where r.thread_id = t.thread_id and t.thread_id = $1",
            UUID(thread_id),
        )
    events = api.app.state.services.thread_events
    [run] = await events.runs.search(UUID(thread_id), status=None, limit=1, offset=0)
    became = "completed" if status == "success" else "failed"
    last = Told("lifecycle", 1, 0, b"", run_id=run.run_id, became=became)
    assert await WatchedPast(events.threads).when(run.thread_id, last, run) == told
    async with watching(api.http, thread_id, "lifecycle") as stream:
        if told == "never":
            await stream.heartbeat()
            await stream.heartbeat()
        else:
            assert lifecycle_of(await stream.next()) == became


async def test_an_end_that_was_to_be_told_later_is_not_when_a_run_has_come(api: Api) -> None:
    thread_id = str((await api.client.threads.create())["thread_id"])
    await ended_run(api, thread_id, "error", 20, 10)
    async with watching(api.http, thread_id, "lifecycle") as events:
        next_run = await api.client.runs.create(thread_id, "echo")
        await api.client.runs.cancel(thread_id, next_run["run_id"])
        assert lives_of([await events.next()]) == [(next_run["run_id"], "interrupted")]


async def test_a_run_of_which_the_log_knows_nothing_ends_too(api: Api) -> None:
    """All of it was dropped, while the log was away."""
    thread_id = str((await api.client.threads.create())["thread_id"])
    await ended_run(api, thread_id, "success", 20, 10)
    lost = await api.client.runs.create(thread_id, "echo")
    await api.backends.database.execute(
        "update runs set status = 'success', started_at = now(), ended_at = now(), epoch = $2"
        " where run_id = $1",
        UUID(lost["run_id"]),
        EPOCH + 1,
    )
    async with watching(api.http, thread_id, "lifecycle", "values") as events:
        await events.heartbeat()
        await api.backends.bus.events.nudge(UUID(thread_id))
        assert lives_of([await events.next()]) == [(lost["run_id"], "completed")]


async def test_a_run_whose_end_came_too_late_for_the_log_ends_before_the_next_begins(
    api: Api,
) -> None:
    """Another worker had claimed the next run by then, and the log takes nothing of before."""
    thread_id = str((await api.client.threads.create())["thread_id"])
    runs = [await api.client.runs.create(thread_id, "echo") for _ in range(2)]
    await api.backends.database.execute(
        "update runs set status = 'success', started_at = now(), ended_at = now(), epoch = $2"
        " where run_id = $1",
        UUID(runs[0]["run_id"]),
        EPOCH,
    )
    async with watching(api.http, thread_id, "lifecycle", "values") as events:
        frames = [
            Frame(id, None, UUID(run["run_id"]), FrameKind.METADATA, "metadata", 0, body)
            for epoch, run in enumerate(runs, EPOCH)
            for id in [EventId(epoch, 0)]
            for body in [sse_bytes("metadata", b"{}", id)]
        ]
        await api.backends.bus.events.append(UUID(thread_id), frames[:1], Retention(60.0))
        await api.backends.bus.events.append(UUID(thread_id), frames[1:], Retention(60.0))
        seen = [await events.next() for _ in range(3)]
    first, second = (run["run_id"] for run in runs)
    assert lives_of(seen) == [(first, "running"), (first, "completed"), (second, "running")]
    assert seqs_of(seen) == sorted(set(seqs_of(seen)))
    async with watching(api.http, thread_id, "lifecycle", "values") as again:
        assert lives_of([await again.next() for _ in range(2)]) == [
            (first, "running"),
            (second, "running"),
        ]
    since = seen[0]["seq"]
    async with watching(api.http, thread_id, "lifecycle", "values", since=since) as again:
        assert await again.next() == seen[1]


async def test_who_reads_slowly_is_not_told_of_ends_that_later_runs_made_stale(api: Api) -> None:
    """A heartbeat between two pages of the log is no sign that its end was reached."""
    thread_id, run_id = str(uuid4()), uuid4()
    await write(api, thread_id, 700)
    id = EventId(EPOCH, 700)
    end = sse_bytes("end", b'{"status": "success"}', id)
    frame = Frame(id, EventId(EPOCH, 699), run_id, FrameKind.END, "end", 0, end)
    begin = EventId(EPOCH + 1, 0)
    metadata = sse_bytes("metadata", b"{}", begin)
    next_run = Frame(begin, id, uuid4(), FrameKind.METADATA, "metadata", 0, metadata)
    await api.backends.bus.events.append(UUID(thread_id), [frame, next_run], Retention(60.0))
    events = api.app.state.services.thread_events
    stream = await replace(events, heartbeat_seconds=0.01).open(ThreadId(UUID(thread_id)))
    told: list[str | None] = []
    async for item in stream.items_for(ChannelFilter(frozenset({"lifecycle", "custom"}))):
        if isinstance(item, CaughtUp):
            break
        if isinstance(item, list):
            told += [each.became for each in item]
            await asyncio.sleep(0.02)  # longer than between two heartbeats
    await stream.close()
    assert [became for became in told if became] == ["running", "running"]


async def test_who_may_see_but_some_threads_is_let_go_when_the_thread_is_gone(
    postgres: PostgresForTests,
) -> None:
    """The next one with its id may be somebody else's."""
    ann, bob = {"authorization": "Bearer ann-key"}, {"authorization": "Bearer bob-key"}
    uri = await postgres.fresh_database()
    async with running_api(uri, config=TENANTS, over_tcp=True) as api:
        thread_id = (await api.http.post("/threads", json={}, headers=ann)).json()["thread_id"]
        api.http.headers.update(ann)
        async with watching(api.http, thread_id) as events:
            await api.http.delete(f"/threads/{thread_id}")
            taken = {"thread_id": thread_id}
            assert (await api.http.post("/threads", json=taken, headers=bob)).status_code == 200
            with pytest.raises(StopAsyncIteration):
                await events.next()
    await postgres.drop_database(uri)


@pytest.mark.parametrize("last_event_id", ["-1", "1-0", None])
async def test_who_takes_the_id_of_a_deleted_thread_gets_none_of_its_events(
    postgres: PostgresForTests, last_event_id: str | None
) -> None:
    """The log outlives the thread for a while."""
    ann, bob = {"authorization": "Bearer ann-key"}, {"authorization": "Bearer bob-key"}
    uri = await postgres.fresh_database()
    async with running_api(
        uri, config=TENANTS, over_tcp=True, worker=True, heartbeat_seconds=0.1
    ) as api:
        http, thread_id = api.http, str(uuid4())
        http.headers.update(ann)
        await http.post("/threads", json={"thread_id": thread_id})
        await say(http, thread_id, "ann's")
        await http.delete(f"/threads/{thread_id}")
        http.headers.update(bob)
        made = await http.post("/threads", json={"thread_id": thread_id})
        assert made.status_code == 200
        async with watching(http, thread_id) as before:
            await before.heartbeat()
            await say(http, thread_id, "bob's")
            seen = await before.to_the_end()
        assert "ann's" not in str(seen)
        async with watching(http, thread_id) as after:
            seen = await after.to_the_end()
        assert "ann's" not in str(seen)
        assert lives_of(seen)[-1][1] == "completed"
        position = {} if last_event_id is None else {"last-event-id": last_event_id}
        path = f"/threads/{thread_id}/stream"
        async with raw_stream(http, "GET", path, headers=position) as (_, frames):
            if last_event_id is None:
                await say(http, thread_id, "bob's")
            text = ""
            while "run_done" not in text:
                text += "\n".join((await anext(frames)).lines)
        assert "bob's" in text
        assert "ann's" not in text
        assert "event: gap" not in text
    await postgres.drop_database(uri)


async def say(http: httpx.AsyncClient, thread_id: str, text: str) -> None:
    body = {"assistant_id": "echo", "input": {"text": text}, "stream_resumable": True}
    answer = await http.post(f"/threads/{thread_id}/runs/wait", json=body)
    assert answer.json() == {"text": text}


async def test_the_environment_can_switch_it_off(postgres: PostgresForTests) -> None:
    uri = await postgres.fresh_database()
    async with running_api(uri, ff_v2_event_streaming=False) as api:
        for path in ("commands", "stream/events"):
            answer = await api.http.post(f"/threads/{uuid4()}/{path}", json={})
            assert answer.status_code == 404
    await postgres.drop_database(uri)


async def test_pages_of_unknown_origins_do_not_get_a_socket(postgres: PostgresForTests) -> None:
    """A browser would send the user's cookies along with it."""
    uri = await postgres.fresh_database()
    known = CorsConfig(allow_origins=("https://a.example",), allow_origin_regex=r"https://b\..*")
    async with running_api(uri, over_tcp=True, cors_config=known) as api:
        url = str(api.http.base_url.copy_with(scheme="ws")).rstrip("/")
        own = str(api.http.base_url).rstrip("/")
        for origin, lets_in in (
            ("https://a.example", True),
            ("https://b.example", True),
            (own, True),
            ("https://c.example", False),
        ):
            path = f"{url}/threads/{uuid4()}/stream/events"
            async with connect(path, origin=Origin(origin)) as socket:
                if lets_in:
                    await socket.send('{"id": 1, "method": "run.cancel"}')
                    assert json.loads(await socket.recv())["type"] == "error"
                else:
                    await socket.wait_closed()
                    assert socket.close_code == 4403
    await postgres.drop_database(uri)
