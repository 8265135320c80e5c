"""Crons, by the official client; their firings, when the test says that it is time."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from langgraph_sdk.errors import BadRequestError, NotFoundError, UnprocessableEntityError
from langgraph_sdk.schema import OnCompletionBehavior

from joinstream.errors import Unavailable
from tests.support.api import TENANTS, Api, running_api
from tests.support.waiting import eventually

FIELDS = {
    "cron_id",
    "assistant_id",
    "thread_id",
    "user_id",
    "schedule",
    "timezone",
    "end_time",
    "enabled",
    "on_run_completed",
    "catch_up",
    "payload",
    "metadata",
    "next_run_date",
    "created_at",
    "updated_at",
}
YEARLY = "0 0 1 1 *"
NEW_YEAR_2020 = datetime(2020, 1, 1, tzinfo=UTC)
NEW_YEAR_2099 = datetime(2099, 1, 1, tzinfo=UTC)


@pytest.fixture
async def api(database_uri: str) -> AsyncIterator[Api]:
    """An application whose crons fire only when the test calls `fire`."""
    async with running_api(database_uri, ff_crons_enabled=False) as running:
        yield running


async def make_due(api: Api, cron_id: str, ago: timedelta = timedelta(0)) -> datetime:
    """Set the clock, so to say, to a cron's next time, or past it."""
    slot: datetime = await api.backends.database.fetchval(
        "update crons set next_run_date = now() - $2::interval where cron_id = $1 "
        "returning next_run_date",
        cron_id,
        ago,
    )
    return slot


async def fire(api: Api) -> int:
    """Fire whatever is due; how many crons that were."""
    fired = 0
    while await api.app.state.services.cron_scheduler.fire_next():
        fired += 1
    return fired


async def firings(api: Api, cron_id: str) -> list[dict[str, Any]]:
    answer = await api.http.get(f"/runs/crons/{cron_id}/firings")
    found: list[dict[str, Any]] = answer.raise_for_status().json()
    return found


async def test_a_cron_says_all_there_is_to_say_of_it(api: Api) -> None:
    thread = await api.client.threads.create()
    cron: Any = await api.client.crons.create_for_thread(
        thread["thread_id"],
        "echo",
        schedule="30 9 * * 1-5",
        timezone=ZoneInfo("Europe/Berlin"),
        input={"text": "good morning", "at": 9},
        metadata={"team": "red"},
        end_time=NEW_YEAR_2099,
        multitask_strategy="reject",
        stream_mode=["updates"],
    )
    assert cron.keys() == FIELDS
    assert cron["thread_id"] == thread["thread_id"]
    assert cron["assistant_id"] == (await api.client.assistants.get("echo"))["assistant_id"]
    assert (cron["schedule"], cron["timezone"]) == ("30 9 * * 1-5", "Europe/Berlin")
    assert cron["end_time"] == "2099-01-01T00:00:00+00:00"
    assert (cron["enabled"], cron["catch_up"], cron["user_id"]) == (True, "one", None)
    assert cron["metadata"] == {"team": "red"}
    assert [*cron["payload"]["input"].items()] == [("text", "good morning"), ("at", 9)]
    assert "key_order" not in cron["payload"]
    due = datetime.fromisoformat(cron["next_run_date"]).astimezone(ZoneInfo("Europe/Berlin"))
    assert (due.hour, due.minute) == (9, 30)
    assert due.weekday() < 5
    assert (await api.http.get(f"/runs/crons/{cron['cron_id']}")).json() == cron


async def test_search_and_count_find_what_is_asked_for(api: Api) -> None:
    thread = await api.client.threads.create()
    on_thread: Any = await api.client.crons.create_for_thread(
        thread["thread_id"], "echo", schedule=YEARLY, metadata={"team": "red"}
    )
    alone: Any = await api.client.crons.create("counter", schedule=YEARLY, enabled=False)

    async def found(**wanted: Any) -> list[str]:
        crons = await api.client.crons.search(**wanted)
        return [cron["cron_id"] for cron in crons]

    assert await found() == [alone["cron_id"], on_thread["cron_id"]]
    assert await found(sort_by="created_at", sort_order="asc", limit=1) == [on_thread["cron_id"]]
    assert await found(assistant_id="counter") == [alone["cron_id"]]
    assert await found(assistant_id=on_thread["assistant_id"]) == [on_thread["cron_id"]]
    assert await found(thread_id=thread["thread_id"]) == [on_thread["cron_id"]]
    assert await found(enabled=False) == [alone["cron_id"]]
    assert await found(metadata={"team": "red"}) == [on_thread["cron_id"]]
    assert await found(offset=2) == []
    assert await api.client.crons.count() == 2
    assert await api.client.crons.count(assistant_id=alone["assistant_id"]) == 1
    (few,) = await api.client.crons.search(limit=1, select=["cron_id", "now"])
    assert few.keys() == {"cron_id", "now"}
    page = await api.http.post("/runs/crons/search", json={"limit": 1})
    assert (page.headers["x-pagination-total"], page.headers["x-pagination-next"]) == ("2", "1")


async def test_a_change_sets_what_it_names_and_the_next_time(api: Api) -> None:
    cron: Any = await api.client.crons.create(
        "echo",
        schedule=YEARLY,
        input={"text": "a"},
        metadata={"a": 1},
        end_time=NEW_YEAR_2099,
    )
    changed: Any = await api.client.crons.update(
        cron["cron_id"], schedule="0 12 * * *", timezone="Asia/Tokyo", metadata={"b": 2}
    )
    assert (changed["schedule"], changed["metadata"]) == ("0 12 * * *", {"a": 1, "b": 2})
    assert changed["payload"]["input"] == {"text": "a"}
    assert datetime.fromisoformat(changed["next_run_date"]).hour == 3
    assert changed["end_time"] == "2099-01-01T00:00:00+00:00"
    endless: Any = await api.client.crons.update(
        cron["cron_id"], end_time=None, input={"text": "b"}
    )
    assert endless["end_time"] is None
    assert endless["payload"]["input"] == {"text": "b"}
    over: Any = await api.client.crons.update(cron["cron_id"], end_time=NEW_YEAR_2020)
    assert over["next_run_date"] is None


async def test_mistakes_are_named(api: Api) -> None:
    create = api.client.crons.create
    with pytest.raises(UnprocessableEntityError, match=r"schedule: 'often' needs 5 fields"):
        await create("echo", schedule="often")
    with pytest.raises(UnprocessableEntityError, match="timezone: 'Mars/Olympus' is no IANA"):
        await create("echo", schedule=YEARLY, timezone="Mars/Olympus")
    with pytest.raises(UnprocessableEntityError, match=r"end_time: .* never fire"):
        await create("echo", schedule=YEARLY, end_time=NEW_YEAR_2020)
    with pytest.raises(UnprocessableEntityError, match="neither the UUID of an assistant nor"):
        await create("nothing", schedule=YEARLY)
    with pytest.raises(NotFoundError):
        await create(str(uuid4()), schedule=YEARLY)
    with pytest.raises(NotFoundError):
        await api.client.crons.create_for_thread(str(uuid4()), "echo", schedule=YEARLY)
    bad_end = {"assistant_id": "echo", "schedule": YEARLY, "end_time": "zz"}
    refused = await api.http.post("/runs/crons", json=bad_end)
    assert (refused.status_code, refused.json()["detail"][:9]) == (422, "end_time:")
    one_id = {"assistant_id": "echo", "schedule": YEARLY, "run_id": str(uuid4())}
    refused = await api.http.post("/runs/crons", json=one_id)
    assert (refused.status_code, refused.json()["detail"][:21]) == (422, "run_id: must be null,")
    cron: Any = await create("echo", schedule=YEARLY)
    with pytest.raises(BadRequestError, match="nothing to change"):
        await api.client.crons.update(cron["cron_id"])
    with pytest.raises(UnprocessableEntityError, match="schedule"):
        await api.client.crons.update(cron["cron_id"], schedule="0 0 30 2 *")
    await api.client.crons.delete(cron["cron_id"])
    with pytest.raises(NotFoundError):
        await api.client.crons.delete(cron["cron_id"])
    with pytest.raises(NotFoundError):
        await api.client.crons.update(cron["cron_id"], enabled=False)
    assert (await api.http.get(f"/runs/crons/{cron['cron_id']}")).status_code == 404


async def test_a_firing_creates_the_run_that_was_asked_for(api: Api) -> None:
    thread = await api.client.threads.create()
    cron: Any = await api.client.crons.create_for_thread(
        thread["thread_id"],
        "echo",
        schedule="* * * * *",
        input={"text": "tick"},
        metadata={"team": "red"},
        context={"tone": "kind"},
        interrupt_before=["answer"],
        webhook="https://example.com/hook",
    )
    assert await fire(api) == 0
    slot = await make_due(api, cron["cron_id"])
    assert await fire(api) == 1
    assert await fire(api) == 0
    (run,) = await api.client.runs.list(thread["thread_id"])
    assert run["assistant_id"] == cron["assistant_id"]
    assert (run["metadata"] or {}).items() >= {"team": "red", "cron_id": cron["cron_id"]}.items()
    kwargs: Any = run["kwargs"]  # type: ignore[typeddict-item]  # the client's type lacks it
    assert kwargs["input"] == {"text": "tick"}
    assert kwargs["config"]["configurable"]["cron_id"] == cron["cron_id"]
    assert kwargs["context"] == {"tone": "kind"}
    assert kwargs["webhook"] == "https://example.com/hook"
    (firing,) = await firings(api, cron["cron_id"])
    assert firing["outcome"] == "created"
    assert (firing["run_id"], firing["thread_id"]) == (run["run_id"], thread["thread_id"])
    assert datetime.fromisoformat(firing["slot"]) == slot
    after = (await api.http.get(f"/runs/crons/{cron['cron_id']}")).json()
    assert datetime.fromisoformat(after["next_run_date"]) > datetime.now(UTC)


async def test_kept_firings_have_a_new_thread_each(api: Api) -> None:
    kept: Any = await api.client.crons.create(
        "echo", schedule=YEARLY, on_run_completed="keep", metadata={"team": "red"}
    )
    deleted: Any = await api.client.crons.create("echo", schedule=YEARLY)
    for _ in range(2):
        await make_due(api, kept["cron_id"])
        await make_due(api, deleted["cron_id"])
        assert await fire(api) == 2
    threads = [firing["thread_id"] for firing in await firings(api, kept["cron_id"])]
    assert len(set(threads)) == 2
    found = await api.client.threads.search(metadata={"team": "red"})
    assert {thread["thread_id"] for thread in found} == set(threads)
    stateless = await firings(api, deleted["cron_id"])
    assert [firing["thread_id"] for firing in stateless] == [None, None]


async def test_what_was_missed_is_made_up_for_once_or_not_at_all(api: Api) -> None:
    make = api.http.post
    body = {"assistant_id": "echo", "schedule": "* * * * *"}
    one = (await make("/runs/crons", json=body)).json()
    none = (await make("/runs/crons", json={**body, "catch_up": "skip"})).json()
    for cron in (one, none):
        await make_due(api, cron["cron_id"], ago=timedelta(hours=5))
    assert await fire(api) == 2
    assert [firing["outcome"] for firing in await firings(api, one["cron_id"])] == ["created"]
    (skipped,) = await firings(api, none["cron_id"])
    assert (skipped["outcome"], skipped["detail"], skipped["run_id"]) == ("skipped", "missed", None)
    await make_due(api, none["cron_id"], ago=timedelta(seconds=30))
    assert await fire(api) == 1
    assert (await firings(api, none["cron_id"]))[0]["outcome"] == "created"


async def test_a_cron_that_finds_the_queue_full_fires_when_there_is_room(
    database_uri: str,
) -> None:
    async with running_api(database_uri, ff_crons_enabled=False, max_pending_runs=1) as api:
        waiting = await api.client.runs.create(None, "echo", input={"text": "first"})
        cron: Any = await api.client.crons.create("echo", schedule=YEARLY)
        await make_due(api, cron["cron_id"])
        with pytest.raises(Unavailable, match="JOINSTREAM_MAX_PENDING_RUNS"):
            await fire(api)
        assert await firings(api, cron["cron_id"]) == []
        await api.http.post(f"/runs/{waiting['run_id']}/cancel")
        assert await fire(api) == 1
        assert [firing["outcome"] for firing in await firings(api, cron["cron_id"])] == ["created"]


async def test_a_busy_thread_that_rejects_is_written_down(api: Api) -> None:
    thread = await api.client.threads.create()
    busy = await api.client.runs.create(thread["thread_id"], "echo", input={"text": "long"})
    cron: Any = await api.client.crons.create_for_thread(
        thread["thread_id"], "echo", schedule=YEARLY, multitask_strategy="reject"
    )
    await make_due(api, cron["cron_id"])
    assert await fire(api) == 1
    (firing,) = await firings(api, cron["cron_id"])
    assert (firing["outcome"], firing["run_id"]) == ("skipped", None)
    assert busy["run_id"] in firing["detail"]


async def test_a_cron_that_cannot_fire_disturbs_no_other(api: Api) -> None:
    bad: Any = await api.client.crons.create("echo", schedule=YEARLY)
    good: Any = await api.client.crons.create("echo", schedule=YEARLY)
    await api.backends.database.execute(
        'update crons set payload = payload || \'{"stream_mode": "no such mode"}\' '
        "where cron_id = $1",
        bad["cron_id"],
    )
    await make_due(api, bad["cron_id"], ago=timedelta(seconds=5))
    await make_due(api, good["cron_id"])
    assert await fire(api) == 2
    (failed,) = await firings(api, bad["cron_id"])
    assert failed["outcome"] == "failed"
    assert "stream_mode" in failed["detail"]
    assert [firing["outcome"] for firing in await firings(api, good["cron_id"])] == ["created"]


async def test_a_time_that_has_fired_does_not_fire_again(api: Api) -> None:
    cron: Any = await api.client.crons.create("echo", schedule=YEARLY)
    slot = await make_due(api, cron["cron_id"])
    assert await fire(api) == 1
    await api.backends.database.execute(
        "update crons set next_run_date = $2 where cron_id = $1", cron["cron_id"], slot
    )
    assert await fire(api) == 1
    assert len(await firings(api, cron["cron_id"])) == 1
    created = "select count(*) from runs where metadata ->> 'cron_id' = $1"
    assert await api.backends.database.fetchval(created, cron["cron_id"]) == 1


async def test_disabled_and_finished_crons_do_not_fire(api: Api) -> None:
    disabled: Any = await api.client.crons.create("echo", schedule=YEARLY, enabled=False)
    await make_due(api, disabled["cron_id"])
    assert await fire(api) == 0
    soon = datetime.now(UTC) + timedelta(seconds=90)
    last: Any = await api.client.crons.create("echo", schedule="* * * * *", end_time=soon)
    await make_due(api, last["cron_id"])
    await api.client.crons.update(last["cron_id"], end_time=datetime.now(UTC))
    await make_due(api, last["cron_id"])
    assert await fire(api) == 1
    assert (await api.http.get(f"/runs/crons/{last['cron_id']}")).json()["next_run_date"] is None


async def test_crons_go_with_their_thread_and_their_assistant(api: Api) -> None:
    thread = await api.client.threads.create()
    assistant = await api.client.assistants.create("echo")
    on_thread: Any = await api.client.crons.create_for_thread(
        thread["thread_id"], "echo", schedule=YEARLY
    )
    of_assistant: Any = await api.client.crons.create(assistant["assistant_id"], schedule=YEARLY)
    await make_due(api, on_thread["cron_id"])
    await fire(api)
    await api.client.threads.delete(thread["thread_id"])
    await api.client.assistants.delete(assistant["assistant_id"])
    for cron in (on_thread, of_assistant):
        assert (await api.http.get(f"/runs/crons/{cron['cron_id']}")).status_code == 404


async def test_a_firing_belongs_to_whoever_made_the_cron(database_uri: str) -> None:
    async with running_api(database_uri, config=TENANTS, ff_crons_enabled=False) as api:
        ann = api.client_with({"authorization": "Bearer ann-key"})
        bob = api.client_with({"authorization": "Bearer bob-key"})
        assistant = await ann.assistants.create("echo")
        cron: Any = await ann.crons.create(
            assistant["assistant_id"], schedule=YEARLY, on_run_completed="keep"
        )
        assert (cron["user_id"], cron["metadata"]) == ("ann", {"owner": "ann"})
        await make_due(api, cron["cron_id"])
        assert await fire(api) == 1
        (thread,) = await ann.threads.search()
        (run,) = await ann.runs.list(thread["thread_id"])
        kwargs: Any = run["kwargs"]  # type: ignore[typeddict-item]  # the client's type lacks it
        configurable = kwargs["config"]["configurable"]
        assert configurable["langgraph_auth_user_id"] == "ann"
        assert configurable["langgraph_auth_user"]["email"] == "ann@home"
        assert await bob.threads.search() == []


@pytest.mark.parametrize("kept", ["keep", "delete"])
async def test_nobody_makes_runs_of_a_cron_anybody_elses(
    database_uri: str, kept: OnCompletionBehavior
) -> None:
    async with running_api(database_uri, config=TENANTS, ff_crons_enabled=False) as api:
        ann = api.client_with({"authorization": "Bearer ann-key"})
        bobs: Any = {"owner": "bob"}
        config: Any = {"metadata": bobs}
        created: Any = await ann.crons.create(
            "echo", schedule=YEARLY, metadata=bobs, on_run_completed=kept
        )
        changed: Any = await ann.crons.create("echo", schedule=YEARLY, on_run_completed=kept)
        await ann.crons.update(changed["cron_id"], metadata=bobs, config=config)
        for cron in (created, changed):
            await make_due(api, cron["cron_id"])
        assert await fire(api) == 2
        runs = await api.backends.database.fetch("select metadata, thread_id from runs")
        assert [run["metadata"]["owner"] for run in runs] == ["ann", "ann"]
        assert await ann.threads.count() == (2 if kept == "keep" else 0)
        bob = api.client_with({"authorization": "Bearer bob-key"})
        assert await bob.threads.count() == 0


async def test_a_running_server_fires_every_second(database_uri: str) -> None:
    async with running_api(database_uri, worker=True) as api:
        cron: Any = await api.client.crons.create(
            "echo", schedule="* * * * * *", input={"text": "tick"}, on_run_completed="keep"
        )

        async def three() -> list[dict[str, Any]] | None:
            found = await firings(api, cron["cron_id"])
            return found if len(found) >= 3 else None

        newest, *_ = await eventually(three)
        await api.client.crons.update(cron["cron_id"], enabled=False)
        assert await api.client.runs.join(newest["thread_id"], newest["run_id"])
        (run,) = await api.client.runs.list(newest["thread_id"])
        assert run["status"] == "success"


async def test_a_server_without_crons_has_none_to_wait_for(api: Api) -> None:
    assert await api.backends.stores.crons().seconds_until_due() is None
    cron: Any = await api.client.crons.create("echo", schedule=YEARLY, input={})
    until_due = await api.backends.stores.crons().seconds_until_due()
    assert until_due is not None
    assert until_due > 0
    await make_due(api, cron["cron_id"], ago=timedelta(minutes=1))
    overdue = await api.backends.stores.crons().seconds_until_due()
    assert overdue is not None
    assert overdue < 0
