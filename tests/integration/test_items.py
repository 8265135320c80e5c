"""The key-value store: by the official client, from graphs, with search, with a time to live."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from langgraph_sdk.errors import InternalServerError, PermissionDeniedError

from joinstream.errors import StartupError
from joinstream.item_store.config import IndexConfig, ItemStoreConfig
from joinstream.item_store.sweep import sweep_items
from joinstream.item_store.tables import make_tables, missing_tables
from tests.support.api import TEST_GRAPHS, Api, running_api

ANN = {"authorization": "Bearer ann-key"}
BOB = {"authorization": "Bearer bob-key"}
DOCS = ["docs", "ann"]


@pytest.fixture
async def api(database_uri: str) -> AsyncIterator[Api]:
    async with running_api(database_uri, config=TEST_GRAPHS, worker=True) as running:
        yield running


async def test_an_item_is_put_got_and_deleted(api: Api) -> None:
    store = api.client.store
    await store.put_item(DOCS, "one", {"title": "First", "n": 1})
    item: Any = await store.get_item(DOCS, "one")
    assert item["namespace"] == DOCS
    assert (item["key"], item["value"]) == ("one", {"title": "First", "n": 1})
    await store.put_item(DOCS, "one", {"title": "Second"})
    changed: Any = await store.get_item(DOCS, "one")
    assert changed["value"] == {"title": "Second"}
    assert changed["created_at"] == item["created_at"] < changed["updated_at"]
    await store.delete_item(DOCS, "one")
    assert await store.get_item(DOCS, "one") is None
    await store.delete_item(DOCS, "one")


async def test_search_stays_within_its_namespace(api: Api) -> None:
    for namespace in (["users", "1"], ["users", "1", "notes"], ["users", "10"], ["us%rs", "1"]):
        await api.client.store.put_item(namespace, "key", {"of": ".".join(namespace)})

    async def found(*prefix: str, **wanted: Any) -> list[str]:
        answer = await api.client.store.search_items(prefix, **wanted)
        return sorted(item["value"]["of"] for item in answer["items"])

    assert await found("users", "1") == ["users.1", "users.1.notes"]
    assert await found("us%rs") == ["us%rs.1"]
    assert len(await found()) == 4
    assert await found("users", filter={"of": "users.10"}) == ["users.10"]
    assert await found("users", filter={"of": {"$ne": "users.10"}}) == ["users.1", "users.1.notes"]
    assert len(await found("users", limit=2)) == 2
    assert len(await found("users", limit=2, offset=2)) == 1


async def test_namespaces_are_listed(api: Api) -> None:
    for namespace in (["a", "x"], ["a", "y", "z"], ["b", "x"]):
        await api.client.store.put_item(namespace, "key", {})

    async def listed(**wanted: Any) -> list[list[str]]:
        answer: Any = await api.client.store.list_namespaces(**wanted)
        return sorted(answer["namespaces"])

    assert await listed() == [["a", "x"], ["a", "y", "z"], ["b", "x"]]
    assert await listed(prefix=["a"]) == [["a", "x"], ["a", "y", "z"]]
    assert await listed(suffix=["x"]) == [["a", "x"], ["b", "x"]]
    assert await listed(max_depth=1) == [["a"], ["b"]]
    assert await listed(limit=1, offset=2) == [["b", "x"]]


@pytest.mark.parametrize(
    ("method", "path", "body", "detail"),
    [
        ("PUT", "/store/items", {"namespace": [], "key": "k", "value": {}}, "namespace: "),
        ("PUT", "/store/items", {"namespace": ["a.b"], "key": "k", "value": {}}, "namespace[0]: "),
        ("PUT", "/store/items", {"namespace": ["a", ""], "key": "k", "value": {}}, "namespace[1]:"),
        ("PUT", "/store/items", {"namespace": ["langgraph"], "key": "k", "value": {}}, "reserved"),
        ("PUT", "/store/items", {"namespace": ["a"], "key": "k"}, "value: is required"),
        ("PUT", "/store/items", {"namespace": ["a"], "key": "k", "value": 1}, "value: "),
        ("PUT", "/store/items", {"namespace": ["a"], "key": "k", "value": {}, "ttl": 0}, "ttl: "),
        ("PUT", "/store/items", {"namespace": ["a"], "key": "k", "value": {}, "ttl": 1e300}, "ttl"),
        ("PUT", "/store/items", {"namespace": ["a"], "key": "k", "value": {}, "index": 0}, "index"),
        ("GET", "/store/items?namespace=a", None, "key: is required"),
        ("GET", "/store/items?key=k", None, "namespace: is required"),
        ("GET", "/store/items?namespace=a..b&key=k", None, "namespace"),
        ("POST", "/store/items/search", {"limit": 0}, "limit: "),
        ("POST", "/store/items/search", {"filter": {"a": {"$regex": "x"}}}, "$regex"),
        ("POST", "/store/namespaces", {"max_depth": 0}, "max_depth: "),
    ],
)
async def test_mistakes_are_named(api: Api, method: str, path: str, body: Any, detail: str) -> None:
    answer = await api.http.request(method, path, json=body)
    assert answer.status_code == 422, answer.text
    assert detail in answer.json()["detail"]


async def test_search_needs_no_prefix(api: Api) -> None:
    assert (await api.http.post("/store/items/search", json={})).json() == {"items": []}


async def test_graphs_and_clients_share_one_store(api: Api) -> None:
    await api.client.store.put_item(["facts"], "water is wet", {"text": "water is wet"})
    result: Any = await api.client.runs.wait(None, "remembering", input={"fact": "ice is cold"})
    assert result["known"] == ["ice is cold", "water is wet"]
    item: Any = await api.client.store.get_item(["facts"], "ice is cold")
    assert item["value"] == {"text": "ice is cold"}


# --- time to live -------------------------------------------------------------------------------


async def expires_at(api: Api, key: str) -> Any:
    return await api.backends.database.fetchval("select expires_at from store where key = $1", key)


async def test_items_expire_and_reading_puts_that_off(api: Api) -> None:
    store = api.client.store
    await store.put_item(["t"], "kept", {})
    await store.put_item(["t"], "mortal", {}, ttl=10)
    assert await expires_at(api, "kept") is None
    first = await expires_at(api, "mortal")
    await store.get_item(["t"], "mortal", refresh_ttl=False)
    assert await expires_at(api, "mortal") == first
    await store.get_item(["t"], "mortal")
    assert await expires_at(api, "mortal") > first
    await api.backends.database.execute("update store set expires_at = now() where key = 'mortal'")
    assert await store.get_item(["t"], "mortal") is None
    assert [item["key"] for item in (await store.search_items(["t"]))["items"]] == ["kept"]
    assert await sweep_items(api.backends.database, 100) == 1
    assert await sweep_items(api.backends.database, 100) == 0
    assert await expires_at(api, "mortal") is None


# --- semantic search ----------------------------------------------------------------------------


def write_project(folder: Path, store: str, **files: str) -> Path:
    for name, source in files.items():
        (folder / f"{name}.py").write_text(source, encoding="utf-8")
    echo = Path(__file__).parents[2] / "graphs" / "echo.py"
    config = folder / "langgraph.json"
    config.write_text(f'{{"graphs": {{"echo": "{echo}:graph"}}, "store": {store}}}')
    return config


EMBEDDING = '''
WORDS = ("cat", "dog", "car")


def embed(texts):
    """One dimension for each of three words."""
    return [[float(text.lower().count(word)) + 0.01 for word in WORDS] for text in texts]
'''


async def test_search_finds_what_is_similar(database_uri: str, tmp_path: Path) -> None:
    store = '{"index": {"dims": 3, "embed": "./embedding.py:embed", "fields": ["text"]}}'
    config = write_project(tmp_path, store, embedding=EMBEDDING)
    await make_tables(database_uri, ItemStoreConfig(index=IndexConfig(dims=3, embed="-")))
    async with running_api(database_uri, config=config) as api:
        for key, text in (("a", "my cat"), ("b", "a dog"), ("c", "fast car"), ("d", "cat, cat")):
            await api.client.store.put_item(["pets"], key, {"text": text})
        await api.client.store.put_item(["pets"], "hidden", {"text": "cat"}, index=False)
        found: Any = await api.client.store.search_items(["pets"], query="cat", limit=2)
        assert {item["key"] for item in found["items"]} == {"a", "d"}
        assert found["items"][0]["score"] > 0.9
        (dog,) = (await api.client.store.search_items(["pets"], query="dog", limit=1))["items"]
        assert dog["key"] == "b"
        plain: Any = await api.client.store.search_items(["pets"], limit=1)
        assert plain["items"][0]["score"] is None


async def test_the_tables_are_made_once_and_missed_when_they_are_not(
    database_uri: str, tmp_path: Path
) -> None:
    with_index = ItemStoreConfig(index=IndexConfig(dims=3, embed="-"))
    assert await missing_tables(database_uri, ItemStoreConfig()) == []
    assert await missing_tables(database_uri, with_index) == ["store index of 3 dimensions"]
    config = write_project(
        tmp_path, '{"index": {"dims": 3, "embed": "./embedding.py:embed"}}', embedding=EMBEDDING
    )
    with pytest.raises(StartupError, match="joinstream migrate"):
        async with running_api(database_uri, config=config):
            pass
    assert await make_tables(database_uri, with_index) == ["store index of 3 dimensions"]
    assert await make_tables(database_uri, with_index) == []
    other = ItemStoreConfig(index=IndexConfig(dims=4, embed="-"))
    with pytest.raises(StartupError, match="dims is 4, but the database holds vectors of 3"):
        await make_tables(database_uri, other)


@pytest.mark.parametrize(
    ("store", "problem"),
    [
        ('{"index": {"dims": 3}}', "store.index.embed: Field required"),
        ('{"index": {"dims": 3, "embed": "./nowhere.py:embed"}}', "nowhere.py does not exist"),
        ('{"indx": {}}', "store.indx: Extra inputs"),
        ('{"ttl": {"default_ttl": -1}}', "store.ttl.default_ttl: "),
        ('{"path": "./own.py:nothing"}', "nothing"),
        ('{"path": "./own.py:number"}', "is a int; name a langgraph BaseStore"),
    ],
)
async def test_a_store_that_cannot_be_is_one_line(
    database_uri: str, tmp_path: Path, store: str, problem: str
) -> None:
    await make_tables(database_uri, ItemStoreConfig(index=IndexConfig(dims=3, embed="-")))
    config = write_project(tmp_path, store, own="number = 7\n")
    with pytest.raises(StartupError) as failure:
        async with running_api(database_uri, config=config):
            pass
    assert problem in str(failure.value)
    assert "\n" not in str(failure.value)


# --- a store of the project's own ---------------------------------------------------------------

OWN = """
from contextlib import asynccontextmanager

from langgraph.store.memory import InMemoryStore

store = InMemoryStore()


def make():
    return store


@asynccontextmanager
async def opened():
    yield store
    store.put(("closed",), "yes", {})
"""


@pytest.mark.parametrize("name", ["store", "make", "opened"])
async def test_a_project_may_bring_its_own_store(
    database_uri: str, tmp_path: Path, name: str
) -> None:
    module = f"own_{name}"
    config = write_project(tmp_path, f'{{"path": "./{module}.py:{name}"}}', **{module: OWN})
    async with running_api(database_uri, config=config) as api:
        await api.client.store.put_item(["a"], "k", {"n": 1})
        item: Any = await api.client.store.get_item(["a"], "k")
        assert item["value"] == {"n": 1}
        own = api.backends.store
    assert (own.get(("closed",), "yes") is not None) == (name == "opened")
    assert await count_of_items(database_uri) == 0


async def count_of_items(database_uri: str) -> int:
    async with running_api(database_uri) as api:
        count: int = await api.backends.database.fetchval("select count(*) from store")
        return count


# --- whose items are whose ----------------------------------------------------------------------


async def test_a_handler_decides_whose_namespace_it_is(database_uri: str, tmp_path: Path) -> None:
    auth = """
from langgraph_sdk import Auth

auth = Auth()


@auth.authenticate
async def authenticate(authorization: str | None):
    return {"identity": {"Bearer ann-key": "ann", "Bearer bob-key": "bob"}[authorization]}


@auth.on.store
async def own_namespace(ctx, value):
    value["namespace"] = (ctx.user.identity, *(value["namespace"] or ()))
"""
    config = write_project(tmp_path, '{}, "auth": {"path": "./auth.py:auth"}', auth=auth)
    async with running_api(database_uri, config=config) as api:
        ann, bob = api.client_with(ANN).store, api.client_with(BOB).store
        await ann.put_item(["notes"], "k", {"text": "secret"})
        assert await bob.get_item(["notes"], "k") is None
        assert (await bob.search_items([]))["items"] == []
        assert (await bob.list_namespaces())["namespaces"] == []
        await bob.delete_item(["notes"], "k")
        item: Any = await ann.get_item(["notes"], "k")
        assert (item["namespace"], item["value"]) == (["ann", "notes"], {"text": "secret"})


@pytest.mark.parametrize("identity", ["ann.smith", "", None])
async def test_no_identity_reaches_into_the_namespace_of_another(
    database_uri: str, tmp_path: Path, identity: str | None
) -> None:
    auth = f"""
from langgraph_sdk import Auth

auth = Auth()


@auth.authenticate
async def authenticate(authorization: str | None):
    return "ann" if authorization == "Bearer ann-key" else "someone"


@auth.on.store
async def own_namespace(ctx, value):
    first = "ann" if ctx.user.identity == "ann" else {identity!r}
    value["namespace"] = (first, *(value["namespace"] or ()))
"""
    config = write_project(tmp_path, '{}, "auth": {"path": "./dots.py:auth"}', dots=auth)
    async with running_api(database_uri, config=config) as api:
        ann, someone = api.client_with(ANN).store, api.client_with(BOB).store
        await ann.put_item(["smith"], "k", {"text": "ann's"})
        for ask in (
            someone.get_item(["x"], "k"),
            someone.search_items([]),
            someone.list_namespaces(),
            someone.delete_item(["smith"], "k"),
            someone.put_item(["x"], "k", {}),
        ):
            with pytest.raises(InternalServerError, match="the server's log has the cause"):
                await ask
        assert await ann.get_item(["smith"], "k") is not None


async def test_a_filter_says_nothing_of_items_and_is_refused(
    database_uri: str, tmp_path: Path
) -> None:
    auth = """
from langgraph_sdk import Auth

auth = Auth()


@auth.authenticate
async def authenticate(authorization: str | None):
    return "ann"


@auth.on
async def owner(ctx, value):
    return {"owner": ctx.user.identity}
"""
    config = write_project(tmp_path, '{}, "auth": {"path": "./owner.py:auth"}', owner=auth)
    async with running_api(database_uri, config=config) as api:
        with pytest.raises(PermissionDeniedError, match="rewrite value"):
            await api.client.store.put_item(["a"], "k", {})
    async with running_api(database_uri, config=config, auth_default_allow=True) as api:
        await api.client.store.put_item(["a"], "k", {})
