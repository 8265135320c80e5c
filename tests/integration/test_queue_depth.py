"""Limits to how many runs may be pending: exact, and said so that a client can act on it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest
from langgraph_sdk.client import LangGraphClient
from langgraph_sdk.errors import APIStatusError, InternalServerError, RateLimitError

from tests.support.api import TENANTS, Api, running_api
from tests.support.queue import ALICE

BODY = {"assistant_id": "echo", "input": {"text": "hi"}}
PATHS = ["/runs", "/runs/stream", "/runs/wait", "/runs/batch"]
ANN = {"authorization": "Bearer ann-key"}
BOB = {"authorization": "Bearer bob-key"}


@pytest.fixture
async def short(database_uri: str) -> AsyncIterator[Api]:
    """A queue for three."""
    async with running_api(database_uri, max_pending_runs=3) as api:
        yield api


@pytest.fixture
async def shared(database_uri: str) -> AsyncIterator[Api]:
    """A queue of which each tenant may have two."""
    async with running_api(database_uri, config=TENANTS, max_pending_runs_per_user=2) as api:
        yield api


async def create(
    api: Api, path: str = "/runs", headers: dict[str, str] | None = None, **options: Any
) -> httpx.Response:
    sent = {**BODY, **options}
    return await api.http.post(
        path, json=[sent] if path.endswith("batch") else sent, headers=headers
    )


async def pending(api: Api) -> int:
    count: int = await api.backends.pool.fetchval(
        "select count(*) from runs where status = 'pending'"
    )
    return count


def assert_told_to_come_back(response: httpx.Response, status: int, setting: str) -> None:
    assert response.status_code == status
    assert int(response.headers["retry-after"]) > 0
    assert setting in response.json()["detail"]


@pytest.mark.parametrize("path", [*PATHS, "/threads/{}/runs", "/threads/{}/runs/stream"])
async def test_one_run_too_many_is_told_to_come_back(short: Api, path: str) -> None:
    for _ in range(3):
        assert (await create(short)).status_code == 200
    refused = await create(short, path.format(uuid4()), if_not_exists="create")
    assert_told_to_come_back(refused, 503, "JOINSTREAM_MAX_PENDING_RUNS ")
    assert await pending(short) == 3
    assert await short.backends.pool.fetchval("select count(*) from threads") == 0


async def test_there_is_room_again_when_a_run_has_started(short: Api) -> None:
    for _ in range(3):
        await create(short, after_seconds=60)
    assert (await create(short)).status_code == 503
    await short.backends.pool.execute("update runs set run_after = now()")
    assert len(await short.backends.runs.claim(ALICE, 2)) == 2
    assert [(await create(short)).status_code for _ in range(3)] == [200, 200, 503]


async def test_the_limit_is_exact_however_many_come_at_once(short: Api) -> None:
    paths = ["/runs", f"/threads/{uuid4()}/runs", f"/threads/{uuid4()}/runs"] * 10
    answers = await asyncio.gather(*(create(short, path, if_not_exists="create") for path in paths))
    assert sorted(answer.status_code for answer in answers) == [200] * 3 + [503] * 27
    assert await pending(short) == 3


async def test_the_limit_is_exact_where_it_begins_to_be_near(database_uri: str) -> None:
    """Far from it, creations need not wait for each other; some here are far, some near."""
    connection = await asyncpg.connect(database_uri)
    connections = int(await connection.fetchval("show max_connections"))
    await connection.close()
    async with running_api(database_uri, max_pending_runs=connections + 20) as api:
        answers = await asyncio.gather(*(create(api) for _ in range(40)))
        assert {answer.status_code for answer in answers} == {200}
        together = await api.http.post("/runs/batch", json=[BODY] * (connections - 25))
        assert together.status_code == 200
        answers = await asyncio.gather(*(create(api) for _ in range(15)))
        assert sorted(answer.status_code for answer in answers) == [200] * 5 + [503] * 10
        assert await pending(api) == connections + 20


async def test_a_batch_is_created_whole_or_not_at_all(short: Api) -> None:
    assert (await create(short)).status_code == 200
    refused = await short.http.post("/runs/batch", json=[BODY] * 3)
    assert_told_to_come_back(refused, 503, "JOINSTREAM_MAX_PENDING_RUNS ")
    assert await pending(short) == 1
    assert (await short.http.post("/runs/batch", json=[BODY] * 2)).status_code == 200
    assert await pending(short) == 3


async def test_a_batch_with_an_id_that_is_taken_creates_nothing(api: Api) -> None:
    taken = (await create(api)).json()["run_id"]
    refused = await api.http.post("/runs/batch", json=[BODY, {**BODY, "run_id": taken}, BODY])
    assert refused.status_code == 409
    assert taken in refused.json()["detail"]
    assert await pending(api) == 1


async def test_a_run_that_takes_the_place_of_others_is_not_one_too_many(short: Api) -> None:
    thread = f"/threads/{uuid4()}/runs"
    for _ in range(3):
        await create(short, thread, if_not_exists="create")
    assert (await create(short, thread)).status_code == 503
    for strategy in ("interrupt", "rollback"):
        assert (await create(short, thread, multitask_strategy=strategy)).status_code == 200
        assert await pending(short) == 1


async def test_what_was_created_already_is_not_one_too_many(short: Api) -> None:
    made = [await create(short, headers={"Idempotency-Key": f"{n}"}) for n in range(3)]
    again = [await create(short, headers={"Idempotency-Key": f"{n}"}) for n in range(4)]
    assert [one.json() for one in again[:3]] == [one.json() for one in made]
    assert again[3].status_code == 503
    await short.backends.runs.claim(ALICE, 1)
    assert (await create(short, headers={"Idempotency-Key": "3"})).status_code == 200


@pytest.mark.parametrize("path", PATHS)
async def test_a_user_with_too_many_is_told_so_and_others_are_not(shared: Api, path: str) -> None:
    for _ in range(2):
        assert (await create(shared, headers=ANN)).status_code == 200
    refused = await create(shared, path, headers=ANN)
    assert_told_to_come_back(refused, 429, "JOINSTREAM_MAX_PENDING_RUNS_PER_USER ")
    assert (await create(shared, headers=BOB)).status_code == 200


async def test_a_users_limit_is_exact_however_many_come_at_once(shared: Api) -> None:
    answers = await asyncio.gather(*(create(shared, headers=who) for who in [ANN, BOB] * 10))
    assert sorted(answer.status_code for answer in answers) == [200] * 4 + [429] * 16
    assert await pending(shared) == 4


async def test_where_nobody_is_known_no_user_has_too_many(database_uri: str) -> None:
    async with running_api(database_uri, max_pending_runs_per_user=1) as api:
        assert [(await create(api)).status_code for _ in range(3)] == [200] * 3


async def begun(client: LangGraphClient, verb: str) -> None:
    asked: Any = getattr(client.runs, verb)(None, "echo", input={"text": "x"})
    await (anext(asked) if verb == "stream" else asked)


@pytest.mark.parametrize("verb", ["create", "wait", "stream"])
async def test_the_official_client_raises_what_the_refusal_is(
    short: Api, shared: Api, verb: str
) -> None:
    """`wait` raises the HTTP client's own error, as it does for every refusal."""
    for _ in range(3):
        await create(short)
        await create(shared, headers=ANN)
    full: list[tuple[LangGraphClient, type[APIStatusError], int]] = [
        (short.client, InternalServerError, 503),
        (shared.client_with(ANN), RateLimitError, 429),
    ]
    for client, kind, status in full:
        with pytest.raises((kind, httpx.HTTPStatusError)) as refusal:
            await begun(client, verb)
        assert isinstance(refusal.value, kind) or verb == "wait"
        assert refusal.value.response.status_code == status
        assert refusal.value.response.headers["retry-after"]
