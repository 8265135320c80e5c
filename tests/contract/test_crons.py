"""What each method of `client.crons` does."""

from datetime import UTC, datetime, timedelta
from typing import Any, get_args
from uuid import uuid4

import pytest
from langgraph_sdk.errors import NotFoundError
from langgraph_sdk.schema import CronSelectField, CronSortBy

from tests.contract.scenes import mark, new_thread
from tests.support.contract import AnyClient, contract
from tests.support.waiting import eventually

pytestmark = pytest.mark.filterwarnings("ignore:`checkpoint_during` is deprecated")

YEARLY = "0 0 1 1 *"
EVERY_SECOND = "* * * * * *"
NEXT_YEAR = datetime.now(UTC).year + 1
PAYLOAD: dict[str, Any] = {
    "input": {"text": "x"},
    "config": {"tags": ["t"]},
    "context": {"tenant": "acme"},
    "interrupt_before": ["echo"],
    "interrupt_after": ["echo"],
    "webhook": "https://example.com/hook",
    "stream_mode": ["values", "custom"],
    "stream_subgraphs": True,
    "stream_resumable": True,
    "durability": "sync",
}
"""What the runs of a cron are made from."""
NEW_PAYLOAD = {**PAYLOAD, "checkpoint_during": True, "multitask_strategy": "reject"}


def assert_pays(cron: Any, payload: dict[str, Any]) -> None:
    config = cron["payload"]["config"]
    assert config == config | payload["config"]
    assert cron["payload"] == cron["payload"] | {**payload, "config": config}


async def runs_of(client: AnyClient, cron: Any, thread_id: str) -> list[Any]:
    runs = await client.runs.list(thread_id)
    return [run for run in runs if run["metadata"]["cron_id"] == cron["cron_id"]]


@contract("crons.create")
async def test_create(client: AnyClient) -> None:
    metadata, end = mark(), datetime.now(UTC) + timedelta(days=900)
    cron = await client.crons.create(
        assistant_id="echo",
        schedule=YEARLY,
        metadata=metadata,
        on_run_completed="keep",
        end_time=end,
        enabled=True,
        timezone="Europe/Berlin",
        **NEW_PAYLOAD,
    )
    assert_pays(cron, NEW_PAYLOAD)
    assert cron == cron | {
        "schedule": YEARLY,
        "timezone": "Europe/Berlin",
        "thread_id": None,
        "metadata": metadata,
        "on_run_completed": "keep",
        "enabled": True,
    }
    assert datetime.fromisoformat(cron["end_time"]) == end
    due = datetime.fromisoformat(cron["next_run_date"])
    assert due == datetime(NEXT_YEAR - 1, 12, 31, 23, tzinfo=UTC)

    fires = await client.crons.create(
        "echo", schedule=EVERY_SECOND, input={"text": "x"}, on_run_completed="keep"
    )

    async def has_run() -> list[Any]:
        threads = await client.threads.search(metadata={"cron_id": fires["cron_id"]})
        return [thread for thread in threads if thread["values"] == {"text": "x"}]

    assert await eventually(has_run)
    await client.crons.delete(fires["cron_id"])


@contract("crons.create_for_thread")
async def test_create_for_thread(client: AnyClient) -> None:
    thread_id, metadata = await new_thread(client), mark()
    cron = await client.crons.create_for_thread(
        thread_id,
        assistant_id="echo",
        schedule=YEARLY,
        metadata=metadata,
        end_time=datetime.now(UTC) + timedelta(days=900),
        enabled=False,
        timezone="UTC",
        **NEW_PAYLOAD,
    )
    assert_pays(cron, NEW_PAYLOAD)
    assert (cron["thread_id"], cron["metadata"], cron["enabled"]) == (thread_id, metadata, False)

    fires = await client.crons.create_for_thread(
        thread_id, "echo", schedule=EVERY_SECOND, input={"text": "x"}
    )
    await eventually(lambda: runs_of(client, fires, thread_id))
    await client.threads.delete(thread_id)
    with pytest.raises(NotFoundError):
        await client.crons.delete(fires["cron_id"])
    with pytest.raises(NotFoundError):
        await client.crons.create_for_thread(str(uuid4()), "echo", schedule=YEARLY)


@contract("crons.update")
async def test_update(client: AnyClient) -> None:
    made = await client.crons.create("echo", schedule=YEARLY, input={"text": "old"})
    end = datetime.now(UTC) + timedelta(days=900)
    changed = await client.crons.update(
        made["cron_id"],
        schedule="0 0 2 1 *",
        end_time=end,
        metadata={"a": 1},
        on_run_completed="keep",
        enabled=False,
        timezone="Asia/Tokyo",
        **PAYLOAD,
    )
    assert_pays(changed, PAYLOAD)
    assert changed == changed | {
        "schedule": "0 0 2 1 *",
        "metadata": {"a": 1},
        "on_run_completed": "keep",
        "enabled": False,
        "timezone": "Asia/Tokyo",
        "assistant_id": made["assistant_id"],
    }
    assert datetime.fromisoformat(changed["end_time"]) == end
    endless = await client.crons.update(made["cron_id"], end_time=None)
    assert (endless["end_time"], endless["schedule"]) == (None, "0 0 2 1 *")
    with pytest.raises(NotFoundError):
        await client.crons.update(str(uuid4()), enabled=True)


@contract("crons.delete")
async def test_delete(client: AnyClient) -> None:
    cron = await client.crons.create("echo", schedule=YEARLY)
    await client.crons.delete(cron["cron_id"])
    with pytest.raises(NotFoundError):
        await client.crons.delete(cron["cron_id"])


@contract("crons.search")
async def test_search(client: AnyClient) -> None:
    metadata, thread_id = mark(), await new_thread(client)
    free = [
        await client.crons.create(name, schedule=YEARLY, metadata=metadata)
        for name in ("echo", "mirror")
    ]
    bound = await client.crons.create_for_thread(
        thread_id, "echo", schedule=YEARLY, metadata=metadata, enabled=False
    )
    ids = [cron["cron_id"] for cron in (*free, bound)]

    async def found(**asked: Any) -> list[str]:
        crons = await client.crons.search(**{"metadata": metadata, **asked})
        return [cron["cron_id"] for cron in crons]

    assert await found() == ids[::-1]
    assert await found(assistant_id=free[1]["assistant_id"]) == [ids[1]]
    assert await found(thread_id=thread_id, metadata=None) == [ids[2]]
    assert await found(enabled=False) == [ids[2]]
    assert await found(sort_by="created_at", sort_order="asc", limit=1, offset=1) == [ids[1]]
    for field in get_args(CronSortBy):
        assert len(await found(sort_by=field)) == 3, field
    selectable = get_args(CronSelectField)
    (whole,) = await client.crons.search(metadata=metadata, enabled=False, select=list(selectable))
    assert whole.keys() == set(selectable)


@contract("crons.count")
async def test_count(client: AnyClient) -> None:
    metadata, thread_id = mark(), await new_thread(client)
    for name in ("echo", "mirror"):
        made = await client.crons.create(name, schedule=YEARLY, metadata=metadata)
    await client.crons.create_for_thread(thread_id, "echo", schedule=YEARLY, metadata=metadata)
    assert await client.crons.count(metadata=metadata) == 3
    assert await client.crons.count(metadata=metadata, assistant_id=made["assistant_id"]) == 1
    assert await client.crons.count(thread_id=thread_id) == 1
