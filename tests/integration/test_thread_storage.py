"""How much room a thread takes, over HTTP."""

from typing import Any
from uuid import uuid4

from tests.support.api import Api

TEXT = "x" * 10_000


async def make_thread(api: Api, graph_id: str) -> str:
    return (await api.client.threads.create(graph_id=graph_id))["thread_id"]


async def storage_of(api: Api, thread_id: str) -> Any:
    answer = await api.http.get(f"/threads/{thread_id}/storage")
    assert answer.status_code == 200
    return answer.json()


async def say(api: Api, thread_id: str, text: str) -> None:
    await api.execute("chat", thread_id, {"messages": [{"role": "user", "content": text}]})


async def test_an_empty_thread_takes_nothing(api: Api) -> None:
    thread_id = await make_thread(api, "chat")
    assert await storage_of(api, thread_id) == {
        "thread_id": thread_id,
        "total_bytes": 0,
        "checkpoints": {"count": 0, "bytes": 0},
        "channel_values": {"count": 0, "bytes": 0, "by_channel": {}},
        "pending_writes": {"count": 0, "bytes": 0},
    }


async def test_every_section_is_part_of_the_total(api: Api) -> None:
    thread_id = await make_thread(api, "research")
    await api.execute("research", thread_id, {"question": TEXT})
    storage = await storage_of(api, thread_id)
    sections = [storage[name] for name in ("checkpoints", "channel_values", "pending_writes")]
    assert storage["total_bytes"] == sum(section["bytes"] for section in sections)
    channels = storage["channel_values"]
    each = channels["by_channel"].values()
    assert channels["bytes"] == sum(room["bytes"] for room in each)
    assert channels["count"] == sum(room["versions"] for room in each)
    rows = await api.backends.pool.fetchval("select count(*) from checkpoints")
    assert storage["checkpoints"]["count"] == rows


async def test_the_total_is_what_is_stored(api: Api) -> None:
    thread_id = await make_thread(api, "chat")
    for _ in range(3):
        await say(api, thread_id, TEXT)
    stored = await api.backends.pool.fetchval(
        """
        select (select sum(octet_length(body) + octet_length(metadata::text)
                       + 8 * cardinality(part_runs)) from checkpoints)
            + (select sum(octet_length(data)) from checkpoint_parts)
            + (select coalesce(sum(octet_length(data)), 0) from checkpoint_writes)
        """
    )
    assert (await storage_of(api, thread_id))["total_bytes"] == stored


async def test_what_is_said_counts_once_in_its_channel(api: Api) -> None:
    thread_id = await make_thread(api, "chat")
    await say(api, thread_id, TEXT)
    once = (await storage_of(api, thread_id))["channel_values"]["by_channel"]["messages"]["bytes"]
    assert once > len(TEXT)
    await say(api, thread_id, TEXT)
    twice = (await storage_of(api, thread_id))["channel_values"]["by_channel"]["messages"]["bytes"]
    assert len(TEXT) < twice - once < 2 * once


async def test_writes_that_no_checkpoint_holds_are_pending(api: Api) -> None:
    thread_id = await make_thread(api, "approval")
    await api.execute("approval", thread_id, {"topic": "rain"})
    assert (await storage_of(api, thread_id))["pending_writes"]["count"] > 0


async def test_only_this_thread_counts(api: Api) -> None:
    mine, other = await make_thread(api, "chat"), await make_thread(api, "chat")
    await say(api, mine, "hello")
    before = await storage_of(api, mine)
    await say(api, other, TEXT)
    assert await storage_of(api, mine) == before


async def test_an_unknown_thread_is_not_found(api: Api) -> None:
    assert (await api.http.get(f"/threads/{uuid4()}/storage")).status_code == 404
    assert (await api.http.get("/threads/zz/storage")).status_code == 422
