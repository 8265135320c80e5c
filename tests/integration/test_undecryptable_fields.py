"""Encrypted fields that cannot be decrypted, or encrypted: what is lost, and what goes on."""

from typing import Any

import pytest
from langgraph_sdk.errors import APIStatusError

from joinstream.errors import StartupError
from tests.support.api import VAULT, Api, running_api
from tests.support.encrypted import AES, AES_KEY, EITHER, OTHER, SECRET, in_context, sdk
from tests.support.receiver import running_receiver
from tests.support.secrecy import rows_with
from tests.support.waiting import eventually

NEXT_KEY = "fedcba9876543210"


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
