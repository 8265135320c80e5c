"""What each method of `client.store` does."""

from datetime import datetime
from typing import Any
from uuid import uuid4

from tests.support.contract import AnyClient, contract


def somewhere() -> list[str]:
    """A namespace that nothing else is in."""
    return ["contracts", str(uuid4())]


@contract("store.put_item")
async def test_put_item(client: AnyClient) -> None:
    space = somewhere()
    await client.store.put_item(space, key="a", value={"n": 1}, index=["n"], ttl=60)
    await client.store.put_item(space, "b", {"n": 2}, index=False)
    nothing = await client.store.put_item(space, "a", {"n": 3})
    assert nothing is None
    found = await client.store.search_items(space)
    assert {item["key"]: item["value"] for item in found["items"]} == {"a": {"n": 3}, "b": {"n": 2}}


@contract("store.get_item")
async def test_get_item(client: AnyClient) -> None:
    space = somewhere()
    await client.store.put_item(space, "a", {"n": 1}, ttl=60)
    item = await client.store.get_item(space, key="a", refresh_ttl=False)
    assert (item["namespace"], item["key"], item["value"]) == (space, "a", {"n": 1})
    assert datetime.fromisoformat(item["created_at"]) <= datetime.fromisoformat(item["updated_at"])
    assert await client.store.get_item(space, key="b", refresh_ttl=True) is None


@contract("store.delete_item")
async def test_delete_item(client: AnyClient) -> None:
    space = somewhere()
    await client.store.put_item(space, "a", {"n": 1})
    for _ in range(2):
        assert await client.store.delete_item(space, key="a") is None
        assert await client.store.get_item(space, key="a") is None


@contract("store.search_items")
async def test_search_items(client: AnyClient) -> None:
    space = somewhere()
    for n in range(4):
        await client.store.put_item([*space, f"part {n % 2}"], f"key {n}", {"n": n, "odd": n % 2})

    async def keys(prefix: list[str] = space, **asked: Any) -> set[str]:
        found = await client.store.search_items(prefix, **asked)
        return {item["key"] for item in found["items"]}

    assert await keys() == {"key 0", "key 1", "key 2", "key 3"}
    assert await keys([*space, "part 1"]) == {"key 1", "key 3"}
    assert await keys(filter={"odd": 1}, refresh_ttl=False) == {"key 1", "key 3"}
    assert await keys(filter={"n": {"$gt": 2}}) == {"key 3"}
    assert len(await keys(limit=3)) == 3
    assert len(await keys(limit=3) | await keys(offset=3)) == 4
    assert len(await keys(query="anything")) == 4  # nothing is indexed, so all are as similar


@contract("store.list_namespaces")
async def test_list_namespaces(client: AnyClient) -> None:
    space, person = somewhere(), str(uuid4())
    for path in (["a"], ["a", person], ["b", person]):
        await client.store.put_item([*space, *path], "key", {})

    async def below(**asked: Any) -> list[list[str]]:
        found = await client.store.list_namespaces(**asked)
        return sorted(namespace[len(space) :] for namespace in found["namespaces"])

    assert await below(prefix=space) == [["a"], ["a", person], ["b", person]]
    assert await below(suffix=[person]) == [["a", person], ["b", person]]
    assert await below(prefix=space, max_depth=3) == [["a"], ["b"]]
    pages = [await below(prefix=space, limit=2, offset=offset) for offset in (0, 2)]
    assert [len(page) for page in pages] == [2, 1]
    assert sorted(pages[0] + pages[1]) == await below(prefix=space)
