"""`joinstream encryption rotate`: what a former key has encrypted, encrypted with the new one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from joinstream.encryption.aes import AesCipher
from joinstream.store.encrypted.rotation import Rotation
from tests.support.api import TEST_GRAPHS, Api, running_api
from tests.support.commands import run, running

FORMER, NEW = "0123456789abcdef", "fedcba9876543210"
SECRET = "the treasure lies under the oak"
KEYS = "secret,text,messages,topic,draft"
BETWEEN = {"LANGGRAPH_AES_KEY": NEW, "LANGGRAPH_AES_FALLBACK_KEYS": FORMER}
CHAT = {"messages": [{"role": "human", "content": SECRET}]}


def settings(key: str, former: str = "") -> dict[str, Any]:
    return {
        "config": TEST_GRAPHS,
        "langgraph_aes_key": key,
        "langgraph_aes_fallback_keys": former,
        "langgraph_aes_json_keys": KEYS,
    }


def environment(database_uri: str, **keys: str) -> Mapping[str, str]:
    return {"DATABASE_URI": database_uri, **(keys or BETWEEN)}


async def fill(api: Api) -> str:
    """Something of all that is encrypted; the id of its thread."""
    client: Any = api.client
    await client.assistants.create("echo", context={"secret": SECRET})
    thread_id: str = (await client.threads.create(metadata={"secret": SECRET}))["thread_id"]
    for _ in range(3):
        await client.runs.wait(thread_id, "chat", input=CHAT)
    await client.runs.wait(thread_id, "approval", input={"topic": SECRET})
    await client.crons.create_for_thread(
        thread_id, "echo", schedule="0 0 1 1 *", input={"text": SECRET}
    )
    await client.store.put_item(["notes"], "one", {"secret": SECRET})
    await api.backends.database.execute(
        "insert into store (prefix, key, value)"
        " select 'many', n::text, value from store, generate_series(1, 2000) n"
    )
    return thread_id


async def everything(api: Api, thread_id: str) -> list[Any]:
    client: Any = api.client
    history = await client.threads.get_history(thread_id, limit=100)
    runs = await client.runs.list(thread_id)
    return [
        await client.threads.get(thread_id),
        history,
        runs,
        [await client.runs.join(thread_id, each["run_id"]) for each in runs],
        await client.assistants.search(limit=100),
        await client.crons.search(),
        (await client.store.search_items(["notes"]))["items"],
        [await client.store.get_item(["many"], str(n)) for n in range(1, 2000, 200)],
    ]


async def store_rows_by_key(api: Api, cipher: AesCipher) -> int:
    """How many items the cipher leaves as they are."""
    text = "value -> 'secret' -> '__encrypted__' ->> 2"
    rows = await api.backends.pool.fetch(f"select decode({text}, 'base64') from store")
    return sum(cipher.renewed(data) == data for (data,) in rows)


async def test_killed_half_way_it_is_run_again_until_the_former_key_can_go(
    database_uri: str, tmp_path: Path
) -> None:
    async with running_api(database_uri, worker=True, **settings(FORMER)) as api:
        thread_id = await fill(api)
        before = await everything(api, thread_id)
        assert str(before).count(SECRET) > 20

    between = environment(database_uri)
    with running("encryption", "rotate", environment=between, folder=tmp_path) as command:
        assert command.process.stdout is not None
        while not command.process.stdout.readline().startswith("store, block"):
            pass
        command.process.kill()
        assert command.process.wait() != 0

    async with running_api(database_uri, **settings(NEW, FORMER)) as api:
        assert await everything(api, thread_id) == before
        done = await store_rows_by_key(api, AesCipher(NEW.encode(), [FORMER.encode()]))
        assert 0 < done < 2000, "it was killed half way"

    rest = run("encryption", "rotate", environment=between, folder=tmp_path)
    assert rest.returncode == 0, rest.stderr
    assert rest.stdout.splitlines()[-1].endswith("Run it again, until nothing is left.")
    last = run("encryption", "rotate", environment=between, folder=tmp_path)
    assert last.stdout == "Nothing needs a former key: LANGGRAPH_AES_FALLBACK_KEYS can go.\n"
    async with running_api(database_uri, **settings(NEW)) as api:
        assert await everything(api, thread_id) == before


async def test_what_no_key_fits_is_counted_and_left(database_uri: str) -> None:
    async with running_api(database_uri, **settings(FORMER)) as api:
        client: Any = api.client
        await client.threads.create(metadata={"secret": SECRET})
        rotation = Rotation(api.backends.pool, AesCipher(NEW.encode()))
        lost = [
            (table, step.lost)
            for table, columns in (await rotation.tables()).items()
            async for step in rotation.renew(table, columns)
            if step.lost
        ]
        assert lost == [("threads", 1)]
        (thread,) = await client.threads.search()
        assert thread["metadata"]["secret"] == SECRET
