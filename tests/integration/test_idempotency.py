"""The Idempotency-Key header: sent twice, created once."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.support.api import TENANTS, Api, running_api
from tests.support.waiting import eventually

VERBS = ["/runs", "/runs/stream", "/runs/wait"]
KEY = {"Idempotency-Key": "once"}


def body(text: str = "hi", **options: Any) -> dict[str, Any]:
    return {"assistant_id": "echo", "input": {"text": text}, **options}


async def post(api: Api, path: str, sent: Any, **headers: str) -> httpx.Response:
    return await api.http.post(path, json=sent, headers={**KEY, **headers})


async def runs_in(api: Api) -> int:
    count: int = await api.backends.pool.fetchval("select count(*) from runs")
    return count


def run_of(response: httpx.Response) -> str:
    assert response.status_code == 200, response.text
    return response.headers["content-location"].rpartition("/")[2]


@pytest.fixture
async def working(database_uri: str) -> AsyncIterator[Api]:
    async with running_api(database_uri, worker=True) as api:
        yield api


@pytest.fixture(params=["thread", "stateless"])
async def prefix(request: pytest.FixtureRequest, api: Api) -> str:
    """What comes before `/runs`."""
    if request.param == "stateless":
        return ""
    return f"/threads/{(await api.client.threads.create())['thread_id']}"


# --- the same run -------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["thread", "stateless"])
@pytest.mark.parametrize("first", VERBS)
@pytest.mark.parametrize("again", VERBS)
async def test_a_request_that_is_sent_again_gets_the_run_of_the_first(
    working: Api, place: str, first: str, again: str
) -> None:
    """By whichever of the routes; a stream is that run's from its start."""
    prefix = ""
    if place == "thread":
        prefix = f"/threads/{(await working.client.threads.create())['thread_id']}"
        await working.http.post(f"{prefix}/runs/wait", json=body("before"))
    before = await runs_in(working)
    made = await post(working, prefix + first, body())
    repeated = await post(working, prefix + again, body())
    assert run_of(repeated) == run_of(made)
    assert await runs_in(working) == before + 1
    if again == "/runs/wait":
        assert repeated.json() == {"text": "hi"}
    elif again == "/runs/stream":
        assert repeated.text.startswith("event: metadata")
        assert f'"{run_of(made)}"' in repeated.text
        assert '"hi"' in repeated.text
        assert "event: end" in repeated.text
    else:
        assert repeated.json()["run_id"] == run_of(made)


async def test_a_stream_that_is_asked_for_again_has_the_same_events(working: Api) -> None:
    thread_id = (await working.client.threads.create())["thread_id"]
    first = await post(working, f"/threads/{thread_id}/runs/stream", body())
    assert (await post(working, f"/threads/{thread_id}/runs/stream", body())).text == first.text


@pytest.mark.parametrize("place", ["thread", "stateless"])
async def test_a_stream_whose_events_are_gone_gives_what_its_run_gave(
    database_uri: str, place: str
) -> None:
    """Its own output, also when the thread has gone on since."""
    async with running_api(database_uri, worker=True, stream_log="requested") as api:
        prefix = ""
        if place == "thread":
            prefix = f"/threads/{(await api.client.threads.create())['thread_id']}"
        await post(api, f"{prefix}/runs/stream", body("own"))
        await api.http.post(f"{prefix}/runs/wait", json=body("later"))
        again = (await post(api, f"{prefix}/runs/stream", body("own"))).text
        assert [line for line in again.splitlines() if line.startswith("event: ")] == [
            "event: gap",
            "event: values",
            "event: end",
        ]
        assert 'data: {"text":"own"}' in again


async def test_requests_with_one_key_at_once_create_one_run(api: Api) -> None:
    threads = [str(uuid4()) for _ in range(3)]
    for thread_id in threads:
        sent = body(if_not_exists="create")
        answers = await asyncio.gather(
            *(
                post(api, f"/threads/{thread_id}/runs", sent, **{"Idempotency-Key": thread_id})
                for _ in range(12)
            )
        )
        assert len({run_of(answer) for answer in answers}) == 1
    assert await runs_in(api) == len(threads)


@pytest.mark.parametrize("strategy", ["reject", "interrupt", "rollback"])
async def test_a_run_is_not_in_its_own_way(api: Api, strategy: str) -> None:
    thread_id = (await api.client.threads.create())["thread_id"]
    sent = body(multitask_strategy=strategy)
    first = await post(api, f"/threads/{thread_id}/runs", sent)
    again = await post(api, f"/threads/{thread_id}/runs", sent)
    assert run_of(again) == run_of(first)
    assert again.json()["status"] == "pending"


async def test_a_default_may_be_spelt_out_and_keys_may_change_places(api: Api, prefix: str) -> None:
    first = await post(api, f"{prefix}/runs", {**body(), "config": {"tags": ["a"], "b": 1}})
    spelt_out = {"stream_subgraphs": False, "stream_mode": "values", "after_seconds": 0}
    again = await post(
        api, f"{prefix}/runs", {"config": {"b": 1, "tags": ["a"]}, **spelt_out, **body()}
    )
    assert run_of(again) == run_of(first)


async def test_a_batch_that_is_sent_again_gets_the_same_runs(api: Api) -> None:
    batch = [body("a"), body("b"), body("c")]
    first = await post(api, "/runs/batch", batch)
    again = await post(api, "/runs/batch", batch)
    assert again.json() == first.json()
    assert [run["kwargs"]["input"]["text"] for run in again.json()] == ["a", "b", "c"]
    assert await runs_in(api) == 3
    assert (await post(api, "/runs/batch", batch[:2])).status_code == 422


async def test_without_a_key_each_request_is_a_run(api: Api, prefix: str) -> None:
    for _ in range(2):
        assert (await api.http.post(f"{prefix}/runs", json=body())).status_code == 200
    assert await runs_in(api) == 2


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize("verb", VERBS)
async def test_a_key_with_another_request_is_refused(api: Api, prefix: str, verb: str) -> None:
    await post(api, f"{prefix}/runs", body())
    other_thread = (await api.client.threads.create())["thread_id"]
    for path, sent in (
        (prefix + verb, body("other")),
        (prefix + verb, body(priority=1)),
        (f"{prefix}{verb}?priority=1", body()),
        (f"/threads/{other_thread}{verb}", body()),
    ):
        refused = await post(api, path, sent)
        assert refused.status_code == 422
        assert "Idempotency-Key" in refused.json()["detail"]
    assert await runs_in(api) == 1


@pytest.mark.parametrize("key", ["", "k" * 256])
@pytest.mark.parametrize("path", [*VERBS, "/runs/batch"])
async def test_a_key_that_cannot_be_is_refused(api: Api, path: str, key: str) -> None:
    sent = [body()] if path == "/runs/batch" else body()
    refused = await post(api, path, sent, **{"Idempotency-Key": key})
    assert refused.status_code == 422
    assert "Idempotency-Key" in refused.json()["detail"]


async def test_the_key_of_a_deleted_run_creates_no_other(api: Api, prefix: str) -> None:
    run_id = run_of(await post(api, f"{prefix}/runs", body()))
    assert (await api.http.delete(f"{prefix}/runs/{run_id}")).status_code == 204
    refused = await post(api, f"{prefix}/runs", body())
    assert refused.status_code == 409
    assert run_id in refused.json()["detail"]
    assert await runs_in(api) == 0


async def test_a_refusal_leaves_the_key_unused(api: Api) -> None:
    thread_id = str(uuid4())
    for sent in (body(), body(run_id=str(uuid4()))):
        assert (await post(api, f"/threads/{thread_id}/runs", sent)).status_code == 404
    await api.client.threads.create(thread_id=thread_id)
    taken = run_of(await api.http.post("/runs", json=body()))
    conflict = await post(api, f"/threads/{thread_id}/runs", body(run_id=taken))
    assert conflict.status_code == 409
    run_of(await post(api, f"/threads/{thread_id}/runs", body()))


# --- whose key it is ----------------------------------------------------------------------------


async def test_callers_have_keys_of_their_own(database_uri: str) -> None:
    ann, bob = ({"authorization": f"Bearer {name}-key"} for name in ("ann", "bob"))
    async with running_api(database_uri, config=TENANTS) as api:
        for path in VERBS[:1]:
            first = run_of(await post(api, path, body(), **ann))
            assert run_of(await post(api, path, body(), **bob)) != first
            assert run_of(await post(api, path, body(), **ann)) == first
        others = await post(api, "/runs", body("something else"), **bob)
        assert others.status_code == 422
        assert first not in others.text


async def test_who_may_not_see_the_run_any_more_is_not_shown_it(database_uri: str) -> None:
    ann = {"authorization": "Bearer ann-key"}
    async with running_api(database_uri, config=TENANTS) as api:
        made = await api.http.post("/threads", json={}, headers=ann)
        path = f"/threads/{made.json()['thread_id']}/runs"
        run_of(await post(api, path, body(), **ann))
        await api.backends.pool.execute("""update threads set metadata = '{"owner": "bob"}'""")
        assert (await post(api, path, body(), **ann)).status_code == 409


# --- how long -----------------------------------------------------------------------------------


async def test_an_expired_key_is_as_good_as_new(api: Api, prefix: str) -> None:
    first = run_of(await post(api, f"{prefix}/runs", body()))
    await api.backends.pool.execute("update run_keys set expires_at = now()")
    second = run_of(await post(api, f"{prefix}/runs", body("other")))
    assert second != first
    assert run_of(await post(api, f"{prefix}/runs", body("other"))) == second


async def test_a_stateless_run_and_its_output_are_kept_as_long_as_its_key(
    database_uri: str,
) -> None:
    async with running_api(database_uri, worker=True) as api:
        sent = body("kept")
        await post(api, "/runs/wait", sent)
        await api.http.post("/runs/wait", json=sent)  # has no key
        pool, runs = api.backends.pool, api.backends.runs

        async def only_the_kept_one() -> bool:
            await runs.sweep(0, 0, 100)
            return await runs_in(api) == 1

        await eventually(only_the_kept_one)
        assert (await post(api, "/runs/wait", sent)).json() == {"text": "kept"}
        await pool.execute(
            "update runs set keep_until = now(); update run_keys set expires_at = now()"
        )
        await runs.sweep(0, 0, 100)
        assert await runs_in(api) == 0
        assert await pool.fetchval("select count(*) from run_keys") == 0
