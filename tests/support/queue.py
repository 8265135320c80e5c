"""Runs for tests of the queue itself, without a graph behind them."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import asyncpg

from joinstream.domain.ids import AssistantId, ThreadId, new_run_id, new_thread_id
from joinstream.domain.run_record import NewRun
from joinstream.ports.runs import Claimant

ASSISTANT = AssistantId(UUID("00000000-0000-7000-8000-00000000000a"))
ALICE = Claimant("alice", 30, ("echo",))
BOB = Claimant("bob", 30, ("echo",))


def new_run(thread_id: ThreadId | None = None, **changes: Any) -> NewRun:
    """A run on a thread, created with it when needed; stateless without a thread."""
    run = NewRun(
        run_id=new_run_id(),
        thread_id=thread_id or new_thread_id(),
        temporary=thread_id is None,
        create_thread=True,
        assistant_id=ASSISTANT,
        graph_id="echo",
        multitask_strategy="enqueue",
        delay_seconds=0,
        timeout_seconds=None,
        priority=0,
        concurrency_key=None,
        user_id=None,
        kwargs={"config": {"configurable": {}}},
        assistant_metadata={},
        metadata={},
        thread_metadata={"graph_id": "echo"},
        thread_config={},
    )
    return replace(run, **changes)


async def expire_leases(pool: asyncpg.Pool) -> None:
    """What the passing of 30 seconds without a renewal looks like."""
    await pool.execute(
        "update runs set lease_until = now() - interval '1 s' where status = 'running'"
    )
