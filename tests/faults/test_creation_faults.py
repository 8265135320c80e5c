"""A client that does not learn of its run sends its request again, and has one run."""

import asyncio
from itertools import count
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import httpx
import orjson
import pytest

from tests.support.api import running_api
from tests.support.postgres import PostgresForTests
from tests.support.site import Site
from tests.support.statement_proxy import Fault, statement_proxy
from tests.support.waiting import eventually

BODY: dict[str, Any] = {"assistant_id": "echo", "input": {"text": "x"}}


@pytest.mark.parametrize("fault", ["lost", "unanswered"])
@pytest.mark.parametrize("together", [1, 3])
async def test_wherever_the_connection_to_postgres_breaks_a_key_creates_once(
    postgres: PostgresForTests, together: int, fault: Fault
) -> None:
    """Also when Postgres created the run and its answer got lost, for which a client gets 503."""
    uri = await postgres.fresh_database()
    path, sent = ("/runs", BODY) if together == 1 else ("/runs/batch", [BODY] * together)
    async with (
        statement_proxy(uri) as proxy,
        running_api(proxy.uri, ff_crons_enabled=False) as api,
    ):
        for number in count(1):
            key = {"Idempotency-Key": f"{number}"}
            proxy.strike_at(number, fault)
            first = await api.http.post(path, json=sent, headers=key)
            struck = proxy.struck.is_set()
            proxy.be_whole()
            assert first.status_code == (503 if struck else 200)
            again = await api.http.post(path, json=sent, headers=key)
            assert again.status_code == 200
            runs = await api.backends.pool.fetchval("select count(*) from runs")
            assert runs == number * together
            if not struck:
                break
        assert number > 1
    await postgres.drop_database(uri)


@pytest.mark.parametrize("verb", ["", "/stream", "/wait"])
async def test_a_client_that_is_cut_off_before_its_answer_finds_its_run_by_the_key(
    site: Site, verb: str
) -> None:
    thread_id = (await site.client.threads.create())["thread_id"]
    path = f"/threads/{thread_id}/runs{verb}"
    sent = {**BODY, "assistant_id": "counter", "input": {"steps": 3}}
    key = {"Idempotency-Key": thread_id}
    await send_and_hang_up(str(site.deployment.here.http.base_url), path, sent, key)

    async def created() -> list[Any]:
        return await site.client.runs.list(thread_id)

    (made,) = await eventually(created)
    for entrance in (site.deployment.here, site.deployment.there):
        again: httpx.Response = await entrance.http.post(path, json=sent, headers=key)
        assert again.headers["content-location"].endswith(made["run_id"])
    assert len(await created()) == 1


async def send_and_hang_up(url: str, path: str, sent: Any, headers: dict[str, str]) -> None:
    content = orjson.dumps(sent)
    lines = [f"{name}: {value}" for name, value in headers.items()]
    head = "\r\n".join(
        [f"POST {path} HTTP/1.1", "Host: test", f"Content-Length: {len(content)}", *lines]
    )
    address = urlsplit(url)
    _, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(head.encode() + b"\r\n\r\n" + content)
    writer.close()
    await writer.wait_closed()


async def test_keys_outlive_the_server_that_took_them(site: Site) -> None:
    key = {"Idempotency-Key": "outlives"}
    first = await site.deployment.here.http.post("/runs", json=BODY, headers=key)
    for api in site.topology.apis:
        await api.kill()
        await api.start()
    again = await site.deployment.there.http.post("/runs", json=BODY, headers=key)
    assert again.json()["run_id"] == first.json()["run_id"]
    connection = await asyncpg.connect(site.topology.database_uri)
    try:
        assert (
            await connection.fetchval("select count(*) from run_keys where key = 'outlives'") == 1
        )
    finally:
        await connection.close()
