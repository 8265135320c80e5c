"""Encrypted fields: what the API gives back, and what no table has."""

import json
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from langgraph_sdk.errors import UnprocessableEntityError

from tests.support.api import TEST_GRAPHS, Api, running_api
from tests.support.encrypted import AES, AES_KEY, EITHER, HANDLERS, OTHER, SECRET, sdk
from tests.support.receiver import running_receiver
from tests.support.secrecy import rows_with
from tests.support.waiting import eventually


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


async def test_keys_stay_in_the_order_they_were_sent_in(api: Api) -> None:
    sent: Any = {"zebra": {"y": 1, "x": 2}, "b": SECRET}
    given = {"text": sent, "a": 1}
    run = await sdk(api).runs.create(None, "echo", input=given, on_completion="keep")
    kept: Any = await sdk(api).runs.get(run["thread_id"], run["run_id"])
    assert json.dumps(kept["kwargs"]["input"]) == json.dumps(given)
    output: Any = await sdk(api).runs.join(run["thread_id"], run["run_id"])
    assert json.dumps(output["text"]) == json.dumps(sent)


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
