"""Clients that leave while runs are executed for them."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from tests.support.api import Api
from tests.support.waiting import eventually


async def runs_with(api: Api, status: str, count: int = 1) -> Any:
    """Those runs, once there are so many; else None."""
    found = await api.backends.pool.fetch("select * from runs where status = $1", status)
    return found if len(found) == count else None


async def running(api: Api, count: int = 1) -> Any:
    """Wait until so many runs are executed."""
    return await eventually(lambda: runs_with(api, "running", count))


async def leave(api: Api, asking: Coroutine[Any, Any, Any], count: int = 1) -> Any:
    """Leave as soon as so many runs are executed. Returns them."""
    task = asyncio.create_task(asking)
    runs = await running(api, count)
    task.cancel()
    await asyncio.wait({task})
    return runs


async def are_cancelled(api: Api, runs: Any) -> None:
    """Wait until they are over, and see that it is because nobody waits for them."""

    async def ended() -> Any:
        found = await api.backends.pool.fetch(
            "select * from runs where run_id = any ($1) and status <> 'running'",
            [run["run_id"] for run in runs],
        )
        return found if len(found) == len(runs) else None

    for run in await eventually(ended):
        assert (run["status"], run["cancel_reason"]) == ("interrupted", "client disconnected")
