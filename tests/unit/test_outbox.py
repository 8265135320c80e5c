"""What the checkpointer's outbox puts into one statement, and who learns how it went."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from joinstream.checkpoint.entries import CheckpointEntry, WritesEntry
from joinstream.checkpoint.known import Place
from joinstream.checkpoint.outbox import Batch, Outbox

SERDE = JsonPlusSerializer()
THREAD = uuid4()
FIRST, SECOND = str(uuid4()), str(uuid4())


def writes(checkpoint_id: str) -> WritesEntry:
    """A task's, in the superstep that this checkpoint begins."""
    return WritesEntry(SERDE, Place(THREAD, "", checkpoint_id), [("x", 1)], str(uuid4()), "")


def checkpoint(checkpoint_id: str) -> CheckpointEntry:
    config: Any = {"configurable": {"thread_id": str(THREAD), "checkpoint_ns": ""}}
    body: Any = {"id": checkpoint_id, "channel_values": {}, "channel_versions": {}}
    return CheckpointEntry(SERDE, config, body, {}, {}, None)


class Recorder:
    """Remembers batches, and lets each through when it is told to."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.open = asyncio.Event()
        self.under_way = asyncio.Event()
        self.error: Exception | None = None

    async def send(self, batch: Batch) -> None:
        self.batches.append(batch)
        self.under_way.set()
        await self.open.wait()
        if self.error is not None:
            raise self.error


@pytest.fixture
async def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
async def outbox(recorder: Recorder) -> Outbox:
    return Outbox(recorder.send)


async def test_the_writes_that_end_a_superstep_go_with_its_checkpoint(
    outbox: Outbox, recorder: Recorder
) -> None:
    recorder.open.set()
    one, two, end = writes(FIRST), writes(FIRST), checkpoint(SECOND)

    await asyncio.gather(outbox.store(one), outbox.store(two), outbox.store(end))

    assert recorder.batches == [Batch([one, two], end)]


async def test_what_comes_while_a_statement_is_under_way_waits_and_goes_together(
    outbox: Outbox, recorder: Recorder
) -> None:
    begin, one, two = checkpoint(FIRST), writes(FIRST), writes(FIRST)
    first = asyncio.create_task(outbox.store(begin))
    await recorder.under_way.wait()
    rest = [asyncio.create_task(outbox.store(entry)) for entry in (one, two)]

    recorder.open.set()
    await asyncio.gather(first, *rest)

    assert recorder.batches == [Batch([], begin), Batch([one, two], None)]


async def test_writes_of_the_superstep_a_checkpoint_begins_are_not_sent_with_it(
    outbox: Outbox, recorder: Recorder
) -> None:
    before, begin, after = writes(FIRST), checkpoint(SECOND), writes(SECOND)
    recorder.open.set()

    await asyncio.gather(outbox.store(after), outbox.store(before), outbox.store(begin))

    assert recorder.batches == [Batch([before], begin), Batch([after], None)]


async def test_everyone_in_a_batch_learns_of_its_failure_and_the_next_batch_is_sent(
    outbox: Outbox, recorder: Recorder
) -> None:
    recorder.open.set()
    recorder.error = ConnectionError("away")

    failed = await asyncio.gather(
        outbox.store(writes(FIRST)), outbox.store(checkpoint(SECOND)), return_exceptions=True
    )
    recorder.error = None
    await outbox.store(writes(SECOND))

    assert [str(error) for error in failed] == ["away", "away"]
    assert len(recorder.batches) == 2


async def test_what_a_cancelled_caller_wanted_stored_is_not_sent_any_more(
    outbox: Outbox, recorder: Recorder
) -> None:
    first = asyncio.create_task(outbox.store(writes(FIRST)))
    await recorder.under_way.wait()
    given_up = asyncio.create_task(outbox.store(checkpoint(SECOND)))
    await asyncio.sleep(0)

    given_up.cancel()
    recorder.open.set()
    await first
    await asyncio.wait([given_up])

    assert given_up.cancelled()
    await outbox.store(last := writes(SECOND))
    assert recorder.batches[1:] == [Batch([last], None)]
