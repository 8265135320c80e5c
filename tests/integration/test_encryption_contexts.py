"""Encrypted fields in the context of whoever they belong to: by a header, or by who calls."""

import base64
import json
from typing import Any
from uuid import uuid4

import pytest
from langgraph_sdk.errors import APIStatusError

from tests.support.api import TENANTS, VAULT, VAULT_OF_TENANTS, Api, running_api
from tests.support.encrypted import AES_KEY, HANDLERS, OTHER, SECRET, in_context, sdk
from tests.support.secrecy import rows_with
from tests.support.waiting import eventually


async def test_each_tenants_data_are_encrypted_with_its_key_wherever_they_are_worked_on(
    database_uri: str,
) -> None:
    async with running_api(database_uri, config=VAULT, worker=True, ff_crons_enabled=False) as api:
        red: Any = api.client_with(in_context(tenant="red"))
        blue: Any = api.client_with(in_context(tenant="blue"))
        thread_id = (await red.threads.create(metadata={"secret": SECRET}))["thread_id"]
        await red.runs.wait(thread_id, "echo", input={"text": SECRET})
        await blue.threads.update(thread_id, metadata={"more": OTHER})
        await red.crons.create("echo", schedule="0 0 1 1 *", input={"text": SECRET})
        await red.store.put_item(["notes"], "one", {"secret": SECRET})
        await api.backends.database.execute("update crons set next_run_date = now()")
        assert await api.app.state.services.cron_scheduler.fire_next()

        thread = await sdk(api).threads.get(thread_id)  # in whose context does not matter
        assert thread["metadata"]["secret"] == SECRET
        assert thread["metadata"]["more"] == OTHER
        assert (await sdk(api).threads.get_state(thread_id))["values"] == {"text": SECRET}
        assert (await sdk(api).store.get_item(["notes"], "one"))["value"]["secret"] == SECRET

        async def ended() -> Any:
            return await api.backends.pool.fetchval(
                "select count(*) = 2 from runs where status = 'success'"
            )

        await eventually(ended)
        assert await contexts_in(api, "threads.metadata") == {"red", "blue"}
        assert await contexts_in(api, "threads.values") == {"red"}
        for field in ("runs.kwargs", "runs.result", "crons.payload", "store.value"):
            assert await contexts_in(api, field) == {"red"}, field
        kinds = await api.backends.pool.fetch("select distinct type from checkpoints")
        assert [kind for (kind,) in kinds] == ["msgpack+custom-in-context"]
        assert await rows_with(api.backends.pool, SECRET) == []


async def contexts_in(api: Api, field: str) -> set[str]:
    """The tenants in the marks of a column."""
    table, column = field.split(".")
    rows = await api.backends.pool.fetch(f'select "{column}"::text from {table}')
    return set(_tenants([json.loads(row) for (row,) in rows if row is not None]))


def _tenants(value: Any) -> Any:
    if isinstance(value, dict):
        if "__encrypted__" in value:
            yield (value["__encrypted__"][1] or {}).get("tenant")
        for each in value.values():
            yield from _tenants(each)
    elif isinstance(value, list):
        for each in value:
            yield from _tenants(each)


async def test_who_calls_decides_the_context_and_what_is_filtered_by_stays_plain(
    database_uri: str,
) -> None:
    async with running_api(database_uri, config=VAULT_OF_TENANTS, worker=True) as api:
        ann: Any = api.client_with({"authorization": "Bearer ann-key", **in_context(more="x")})
        bob: Any = api.client_with({"authorization": "Bearer bob-key"})
        thread_id = (await ann.threads.create(metadata={"secret": SECRET}))["thread_id"]
        assert await ann.runs.wait(thread_id, "echo", input={"text": SECRET}) == {"text": SECRET}
        assert (await ann.threads.get(thread_id))["metadata"]["secret"] == SECRET
        assert await bob.threads.search() == []
        assert await contexts_in(api, "threads.metadata") == {"red"}
        # this project has no handlers for blobs
        found = await rows_with(api.backends.pool, SECRET)
        assert [row for row in found if not row.startswith("checkpoint")] == []


async def test_the_record_of_a_user_is_encrypted_with_the_rest(database_uri: str) -> None:
    async with running_api(
        database_uri, config=VAULT_OF_TENANTS, worker=True, ff_crons_enabled=False
    ) as api:
        ann: Any = api.client_with({"authorization": "Bearer ann-key"})
        thread_id = (await ann.threads.create())["thread_id"]
        await ann.runs.wait(thread_id, "echo", input={"text": "hi"})
        (run,) = await ann.runs.list(thread_id)
        assert run["kwargs"]["config"]["configurable"]["langgraph_auth_user"]["email"] == "ann@home"

        await ann.crons.create_for_thread(thread_id, "echo", schedule="0 0 1 1 *", input={})
        await api.backends.database.execute("update crons set next_run_date = now()")
        assert await api.app.state.services.cron_scheduler.fire_next()
        runs = await ann.runs.list(thread_id)
        users = [run["kwargs"]["config"]["configurable"]["langgraph_auth_user"] for run in runs]
        assert [user["email"] for user in users] == ["ann@home", "ann@home"]
        assert await rows_with(api.backends.pool, "ann@home") == []


async def test_a_key_that_ownership_depends_on_is_not_encrypted_away(database_uri: str) -> None:
    async with running_api(
        database_uri,
        config=TENANTS,
        langgraph_aes_key=AES_KEY,
        langgraph_aes_json_keys="owner",
    ) as api:
        ann: Any = api.client_with({"authorization": "Bearer ann-key"})
        with pytest.raises(APIStatusError) as refused:
            await ann.threads.create()
        assert refused.value.status_code == 500
        assert await api.backends.pool.fetchval("select count(*) from threads") == 0


async def test_a_context_that_is_none_is_refused(database_uri: str) -> None:
    nested = b'{"a":' + b"[" * 300 + b"]" * 300 + b"}"
    async with running_api(database_uri, config=VAULT) as api:
        for header, complaint in (
            ("no base64!", "must be a JSON object in base64."),
            (base64.b64encode(b"[1]").decode(), "must be a JSON object in base64."),
            (base64.b64encode(nested).decode(), "must be a JSON object in base64."),
            ("a" * 4097, "must have at most 4096 characters, got 4097."),
        ):
            answer = await api.http.get(
                f"/threads/{uuid4()}", headers={"X-Encryption-Context": header}
            )
            assert answer.status_code == 422
            assert answer.json() == {"detail": f"X-Encryption-Context: {complaint}"}


async def test_the_api_document_has_the_header_where_handlers_read_it(database_uri: str) -> None:
    async def places(**settings: Any) -> set[str]:
        async with running_api(database_uri, **settings) as api:
            document = (await api.http.get("/openapi.json")).json()
        return {
            path
            for path, methods in document["paths"].items()
            for about in methods.values()
            for parameter in about.get("parameters", [])
            if parameter["name"] == "X-Encryption-Context" and "422" in about["responses"]
        }

    assert await places() == set()
    read = await places(**HANDLERS)
    assert {"/threads", "/runs/stream", "/assistants/search", "/store/items"} <= read
    assert not {"/ok", "/openapi.json"} & read


async def test_a_handlers_refusal_reaches_the_client(database_uri: str) -> None:
    async with running_api(database_uri, config=VAULT) as api:
        answer = await api.http.post(
            "/threads", json={"metadata": {"a": 1}}, headers=in_context(tenant="green")
        )
        assert (answer.status_code, answer.json()) == (
            400,
            {"detail": "there is no tenant 'green'"},
        )
