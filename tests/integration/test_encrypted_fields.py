"""Encrypted fields: what the API gives back, and what no table has."""

import base64
import json
import re
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
from langgraph_sdk.errors import APIStatusError, UnprocessableEntityError

from joinstream.errors import StartupError
from tests.support.api import TENANTS, TEST_GRAPHS, VAULT, VAULT_OF_TENANTS, Api, running_api
from tests.support.receiver import running_receiver
from tests.support.secrecy import rows_with
from tests.support.waiting import eventually

SECRET = "the treasure lies under the oak"
OTHER = "the map hangs in the hall"
AES_KEY, NEXT_KEY = "0123456789abcdef", "fedcba9876543210"
AES_KEYS = "secret,text,topic,draft,message,resume"
AES: dict[str, Any] = {
    "config": TEST_GRAPHS,
    "langgraph_aes_key": AES_KEY,
    "langgraph_aes_json_keys": AES_KEYS,
}
HANDLERS: dict[str, Any] = {"config": VAULT}
EITHER = pytest.mark.parametrize("encrypted", [HANDLERS, AES], ids=["handlers", "aes"])


def in_context(**context: str) -> dict[str, str]:
    return {"X-Encryption-Context": base64.b64encode(json.dumps(context).encode()).decode()}


def sdk(api: Api) -> Any:
    """The official client, whose answers hold more than its types say."""
    return api.client


@pytest.fixture(params=[HANDLERS, AES], ids=["handlers", "aes"])
async def api(database_uri: str, request: pytest.FixtureRequest) -> AsyncIterator[Api]:
    """An application that encrypts, with a worker. At the end, no table has a secret."""
    async with running_api(
        database_uri, worker=True, ff_crons_enabled=False, **request.param
    ) as it:
        yield it
        assert await rows_with(it.backends.pool, SECRET) == []
        assert await rows_with(it.backends.pool, OTHER) == []


async def test_assistants_come_back_in_every_version_and_are_found_by_what_is_plain(
    api: Api,
) -> None:
    assistants = sdk(api).assistants
    made = await assistants.create(
        "echo", context={"secret": SECRET}, metadata={"secret": SECRET, "colour": "red"}
    )
    changed = await assistants.update(
        made["assistant_id"], context={"secret": OTHER}, metadata={"more": {"secret": OTHER}}
    )

    assert made["context"] == made["config"]["configurable"] == {"secret": SECRET}
    assert changed["config"]["configurable"] == {"secret": OTHER}
    assert changed["metadata"] == {"secret": SECRET, "colour": "red", "more": {"secret": OTHER}}
    assert await assistants.search(metadata={"colour": "red"}) == [changed]
    for ask in (assistants.search, assistants.count):
        with pytest.raises(UnprocessableEntityError, match=r"metadata\.secret: encrypted"):
            await ask(metadata={"secret": SECRET})
    versions = await assistants.get_versions(made["assistant_id"])
    assert [each["context"]["secret"] for each in versions] == [OTHER, SECRET]
    assert (await assistants.set_latest(made["assistant_id"], 1))["context"] == {"secret": SECRET}


async def test_threads_keep_what_is_merged_into_them_copied_and_extracted(api: Api) -> None:
    threads = sdk(api).threads
    made = await threads.create(metadata={"secret": SECRET, "colour": "red", "graph_id": "echo"})
    thread_id = made["thread_id"]
    await threads.update(thread_id, metadata={"nested": [{"secret": OTHER}]})
    await threads.update_state(thread_id, {"text": SECRET})

    copied = await threads.copy(thread_id)
    assert copied["values"] == {"text": SECRET}
    (found,) = await threads.search(
        ids=[copied["thread_id"]], extract={"it": "metadata.nested[-1].secret", "no": "values.x"}
    )
    assert found["extracted"] == {"it": OTHER, "no": None}
    assert found["metadata"]["secret"] == SECRET
    assert await threads.count(metadata={"colour": "red"}) == 2
    for wanted, named in (
        ({"metadata": {"colour": "red", "secret": SECRET}}, "metadata.secret"),
        ({"metadata": {"nested": [{"secret": OTHER}]}}, "metadata.nested[0].secret"),
        ({"values": {"text": SECRET}}, "values.text"),
    ):
        named = named.partition("[")[0]  # handlers encrypt the whole of it
        for ask in (threads.count, threads.search):
            with pytest.raises(UnprocessableEntityError, match=re.escape(f"{named}")):
                await ask(**wanted)
    assert [state["values"] for state in await threads.get_history(thread_id)] == [{"text": SECRET}]


async def test_a_run_gets_what_it_was_sent_and_gives_back_what_it_found(api: Api) -> None:
    runs, threads = sdk(api).runs, sdk(api).threads
    assistant = await sdk(api).assistants.create("mirror", metadata={"secret": SECRET})
    thread = await threads.create(metadata={"from_thread": {"secret": OTHER}})
    output: Any = await runs.wait(
        thread["thread_id"],
        assistant["assistant_id"],
        input={},
        config={"configurable": {"secret": SECRET}, "tags": ["x"], "recursion_limit": 7},
        metadata={"of_run": {"secret": SECRET}},
    )

    seen = output["seen"]
    assert seen["configurable"]["secret"] == SECRET
    assert seen["tags"] == ["x"]
    assert seen["metadata"]["secret"] == SECRET
    assert seen["metadata"]["from_thread"] == {"secret": OTHER}
    assert seen["metadata"]["of_run"] == {"secret": SECRET}
    (run,) = await runs.list(thread["thread_id"])
    assert run["kwargs"]["config"]["configurable"]["secret"] == SECRET
    assert await runs.join(thread["thread_id"], run["run_id"]) == output
    assert (await threads.get(thread["thread_id"]))["values"] == output


async def test_a_stateless_run_and_a_run_that_fails_give_back_what_they_have(api: Api) -> None:
    runs = sdk(api).runs
    assert await runs.wait(None, "echo", input={"text": SECRET}) == {"text": SECRET}
    await runs.create_batch(
        [{"assistant_id": "echo", "input": {"text": text}} for text in (SECRET, OTHER)]
    )

    thread = await sdk(api).threads.create()
    answer: Any = await runs.wait(
        thread["thread_id"],
        "faulty",
        input={"verb": "raise"},
        metadata={"secret": SECRET},
        raise_error=False,
    )
    assert answer["__error__"]["message"] == "told to fail"
    (run,) = await runs.list(thread["thread_id"])
    assert run["error"]["message"] == "told to fail"
    assert (await sdk(api).threads.get(thread["thread_id"]))["error"]["message"] == "told to fail"
    stored = await api.backends.pool.fetch("select error::text from runs where error is not null")
    assert [row for (row,) in stored if "told to fail" in row] == []


async def test_an_interrupt_is_answered(api: Api) -> None:
    runs, threads = sdk(api).runs, sdk(api).threads
    thread_id = (await threads.create())["thread_id"]
    await runs.wait(thread_id, "approval", input={"topic": SECRET})

    thread = await threads.get(thread_id)
    assert thread["status"] == "interrupted"
    ((interrupt,),) = thread["interrupts"].values()
    assert SECRET in interrupt["value"]["draft"]
    output: Any = await runs.wait(thread_id, "approval", command={"resume": "yes"})
    assert output["published"] is True
    assert output["topic"] == SECRET


async def test_a_cron_fires_with_what_it_was_made_with(api: Api) -> None:
    thread_id = (await sdk(api).threads.create())["thread_id"]
    cron = await sdk(api).crons.create_for_thread(
        thread_id,
        "echo",
        schedule="0 0 1 1 *",
        input={"text": SECRET},
        metadata={"secret": SECRET, "colour": "red"},
    )
    cron_id = cron["cron_id"]
    changed = await sdk(api).crons.update(cron_id, input={"text": OTHER})
    assert changed["payload"]["input"] == {"text": OTHER}
    (found,) = await sdk(api).crons.search(metadata={"colour": "red"})
    assert found["metadata"]["secret"] == SECRET
    with pytest.raises(UnprocessableEntityError, match=r"metadata\.secret: encrypted"):
        await sdk(api).crons.search(metadata={"secret": SECRET})

    await api.backends.database.execute("update crons set next_run_date = now()")
    assert await api.app.state.services.cron_scheduler.fire_next()

    async def written() -> Any:
        return (await sdk(api).threads.get(thread_id))["values"]

    assert await eventually(written) == {"text": OTHER}
    (run,) = await sdk(api).runs.list(thread_id)
    assert run["metadata"]["secret"] == SECRET


async def test_an_item_comes_back_by_key_and_by_search(api: Api) -> None:
    store = sdk(api).store
    await store.put_item(["notes"], "one", {"secret": SECRET, "colour": "red"})
    await store.put_item(["notes"], "two", {"secret": OTHER, "colour": "blue"})

    found = await store.get_item(["notes"], "one")
    assert found["value"] == {"secret": SECRET, "colour": "red"}
    items = (await store.search_items(["notes"], filter={"colour": "blue"}))["items"]
    assert [item["value"]["secret"] for item in items] == [OTHER]
    with pytest.raises(UnprocessableEntityError, match=r"filter\.secret: encrypted"):
        await store.search_items(["notes"], filter={"secret": SECRET})
    assert (await store.list_namespaces())["namespaces"] == [["notes"]]
    await store.delete_item(["notes"], "one")


async def test_a_webhook_tells_in_plain_text_what_is_stored_encrypted(api: Api) -> None:
    async with running_receiver() as receiver:
        thread_id = (await sdk(api).threads.create())["thread_id"]
        await sdk(api).runs.wait(
            thread_id,
            "echo",
            input={"text": SECRET},
            metadata={"secret": OTHER},
            webhook=f"{receiver.url}/done",
        )
        (told,) = await receiver.wait_for(1)
    assert told.json["values"] == {"text": SECRET}
    assert told.json["kwargs"]["input"] == {"text": SECRET}
    assert told.json["metadata"]["secret"] == OTHER


@EITHER
async def test_rows_of_before_stay_readable_and_go_on_encrypted(
    database_uri: str, encrypted: dict[str, Any]
) -> None:
    async with running_api(database_uri, worker=True) as plain:
        thread_id = (await sdk(plain).threads.create(metadata={"secret": SECRET}))["thread_id"]
        await sdk(plain).runs.wait(thread_id, "echo", input={"text": SECRET})
        await sdk(plain).store.put_item(["notes"], "one", {"secret": SECRET})
        assert await rows_with(plain.backends.pool, SECRET)

    async with running_api(database_uri, worker=True, **encrypted) as api:
        thread = await sdk(api).threads.get(thread_id)
        assert (thread["metadata"]["secret"], thread["values"]) == (SECRET, {"text": SECRET})
        assert (await sdk(api).store.get_item(["notes"], "one"))["value"] == {"secret": SECRET}
        assert await sdk(api).runs.wait(thread_id, "echo", input={"text": OTHER}) == {"text": OTHER}
        assert await rows_with(api.backends.pool, OTHER) == []


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


@pytest.mark.parametrize(
    "encrypted",
    [HANDLERS, {"config": TEST_GRAPHS, "langgraph_aes_key": AES_KEY}],
    ids=["handlers", "a key for checkpoints alone"],
)
async def test_what_looks_encrypted_and_is_not_comes_back_as_it_was_sent(
    database_uri: str, encrypted: dict[str, Any]
) -> None:
    forged: Any = {"__encrypted__": ["aes", None, "AAAA"]}
    async with running_api(database_uri, worker=True, **encrypted) as api:
        thread = await sdk(api).threads.create(metadata={"owner": forged, "secret": forged})
        got = await sdk(api).threads.get(thread["thread_id"])
        assert got["metadata"] == {"owner": forged, "secret": forged}
        whole = await sdk(api).threads.create(metadata=forged)
        assert (await sdk(api).threads.get(whole["thread_id"]))["metadata"] == forged
        output: Any = await sdk(api).runs.wait(None, "echo", input={"text": "x", **forged})
        assert output == {"text": "x"}


async def test_a_run_that_cannot_be_decrypted_ends_and_holds_up_no_other(database_uri: str) -> None:
    async with running_api(database_uri, config=VAULT) as api:
        lost = await sdk(api).runs.create(None, "echo", input={"text": SECRET})
        await api.backends.database.execute(
            """update runs set kwargs = jsonb_set(
                kwargs, '{input,text,__encrypted__,2}', '"vault:AAAA"')"""
        )
        fine = await sdk(api).runs.create(None, "echo", input={"text": SECRET})
    async with running_api(database_uri, config=VAULT, worker=True, poll_seconds=0.1) as api:

        async def both_ended() -> Any:
            await expire_the_lease_of(api, lost["run_id"])  # a failing handler is asked again then
            rows = await api.backends.pool.fetch(
                "select run_id, status, error from runs where ended_at is not null"
            )
            return {str(row["run_id"]): row for row in rows} if len(rows) == 2 else None

        ended = await eventually(both_ended)
        assert ended[fine["run_id"]]["status"] == "success"
        assert ended[lost["run_id"]]["status"] == "error"
        assert ended[lost["run_id"]]["error"]["error"] == "EncryptionFailed"
        attempts = "select attempt from runs where run_id = $1"
        assert await api.backends.pool.fetchval(attempts, lost["run_id"]) == 3


async def expire_the_lease_of(api: Api, run_id: str) -> None:
    await api.backends.database.execute(
        "update runs set lease_until = now() - interval '1 hour' where run_id = $1 "
        "and status = 'running'",
        run_id,
    )


async def test_a_run_whose_results_cannot_be_encrypted_ends_with_that(database_uri: str) -> None:
    async with running_api(database_uri, config=VAULT, worker=True) as api:
        client: Any = api.client_with(in_context(refused="output"))
        thread_id = (await client.threads.create())["thread_id"]
        answer = await client.runs.wait(
            thread_id, "echo", input={"text": SECRET}, raise_error=False
        )
        assert answer["__error__"]["error"] == "EncryptionFailed"
        assert "the vault is closed" in answer["__error__"]["message"]
        thread = await client.threads.get(thread_id)
        assert (thread["status"], thread["values"]) == ("error", None)
        assert await rows_with(api.backends.pool, SECRET) == []


async def test_a_cron_that_cannot_be_decrypted_fails_and_holds_up_no_other(
    database_uri: str,
) -> None:
    async with running_api(database_uri, config=VAULT, ff_crons_enabled=False) as api:
        lost, fine = [
            await sdk(api).crons.create("echo", schedule="0 0 1 1 *", input={"text": SECRET})
            for _ in range(2)
        ]
        await api.backends.database.execute(
            """update crons set payload = jsonb_set(
                payload, '{input,text,__encrypted__,2}', '"vault:AAAA"') where cron_id = $1""",
            lost["cron_id"],
        )
        await api.backends.database.execute(
            "update crons set next_run_date = now() - (cron_id = $1)::int * interval '1 second'",
            lost["cron_id"],
        )
        scheduler = api.app.state.services.cron_scheduler
        assert [await scheduler.fire_next() for _ in range(3)] == [False, True, False]
        rows = await api.backends.pool.fetch("select cron_id, outcome, detail from cron_firings")
        firings = {str(row["cron_id"]): row for row in rows}
        assert firings[lost["cron_id"]]["outcome"] == "failed"
        assert firings[lost["cron_id"]]["detail"].startswith("EncryptionFailed: cron input")
        assert firings[fine["cron_id"]]["outcome"] == "created"


async def test_a_webhook_that_cannot_be_decrypted_has_failed_and_can_be_sent_again(
    database_uri: str,
) -> None:
    async with running_api(database_uri, config=VAULT, worker=True) as api:
        client = sdk(api)
        payload = {"values": {"text": {"__encrypted__": ["custom", None, "vault:AAAA"]}}}
        async with running_receiver() as receiver:
            thread_id = (await client.threads.create())["thread_id"]
            await client.runs.wait(
                thread_id, "echo", input={"text": SECRET}, webhook=f"{receiver.url}/done"
            )
            await receiver.wait_for(1)
            await api.backends.database.execute(
                """update webhook_deliveries
                set status = 'pending', attempts = 2, next_attempt = now(), payload = $1""",
                payload,
            )

            async def failed() -> Any:
                return await api.backends.pool.fetchrow(
                    "select delivery_id, log from webhook_deliveries where status = 'failed'"
                )

            delivery_id, log = await eventually(failed)
            assert log[-1]["error"].startswith("EncryptionFailed: thread values")
            await api.backends.database.execute(
                "update webhook_deliveries set payload = $1", {"values": {"text": "plain"}}
            )
            again = await api.http.post(f"/webhooks/deliveries/{delivery_id}/resend")
            assert again.status_code == 200, again.text
            told = await receiver.wait_for(2)
        assert told[-1].json["values"] == {"text": "plain"}


async def test_another_key_is_refused_at_the_start_and_a_former_one_still_decrypts(
    database_uri: str,
) -> None:
    async with running_api(database_uri, **AES) as api:
        thread_id = (await sdk(api).threads.create(metadata={"secret": SECRET}))["thread_id"]

    with pytest.raises(StartupError, match="LANGGRAPH_AES_KEY is not the key that fields"):
        async with running_api(database_uri, **{**AES, "langgraph_aes_key": NEXT_KEY}):
            pass
    with pytest.raises(StartupError, match="set LANGGRAPH_AES_KEY"):
        async with running_api(database_uri):
            pass
    rotated = {**AES, "langgraph_aes_key": NEXT_KEY, "langgraph_aes_fallback_keys": AES_KEY}
    async with running_api(database_uri, **rotated) as api:
        patched = await sdk(api).threads.update(thread_id, metadata={"more": {"secret": OTHER}})
        assert patched["metadata"] == {"secret": SECRET, "more": {"secret": OTHER}}
    moved = {**rotated, "config": VAULT}
    async with running_api(database_uri, **moved) as api:
        assert (await sdk(api).threads.get(thread_id))["metadata"] == patched["metadata"]


@EITHER
async def test_what_nobody_can_decrypt_any_more_costs_a_list_no_other_row(
    database_uri: str, encrypted: dict[str, Any]
) -> None:
    metadata = {"secret": SECRET, "colour": "red"}
    async with running_api(database_uri, worker=True, **encrypted) as api:
        lost = await sdk(api).threads.create(metadata=metadata)
        await sdk(api).store.put_item(["lost"], "one", {"secret": SECRET})
        for table, column in (("threads", "metadata"), ("store", "value")):
            await api.backends.database.execute(
                f"update {table} set {column} = regexp_replace({column}::text, "
                """'("__encrypted__": \\[[^]]*")[^"]+("\\])', '\\1YWJj\\2', 'g')::jsonb"""
            )
        kept = await sdk(api).threads.create(metadata=metadata)
        by_id = {each["thread_id"]: each for each in await sdk(api).threads.search()}
        assert by_id[kept["thread_id"]]["metadata"]["secret"] == SECRET
        shown = by_id[lost["thread_id"]]["metadata"]
        assert shown["colour"] == "red"
        assert "decrypt" in shown["secret"]["__undecryptable__"]
        (item,) = (await sdk(api).store.search_items(["lost"]))["items"]
        assert "__undecryptable__" in item["value"]["secret"]

        with pytest.raises(APIStatusError) as refused:
            await sdk(api).threads.get(lost["thread_id"])
        assert refused.value.response.status_code == 500
        if encrypted is AES:
            assert "LANGGRAPH_AES_FALLBACK_KEYS" in refused.value.response.text
