"""In `dev` the worker writes in one thread and event loop, and the API reads in another."""

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import aclosing
from typing import Any
from uuid import uuid4

import pytest

from joinstream.domain.events import EventId, FrameKind
from joinstream.ports import Signal
from joinstream.streams.memory import MemoryStreams
from joinstream.streams.publisher import RunPublisher
from tests.support.streams import KEPT, Row, StreamParts, frame, reading

EVENTS = 5_000


def in_another_thread(work: Coroutine[Any, Any, None]) -> threading.Thread:
    thread = threading.Thread(target=asyncio.run, args=(work,))
    thread.start()
    return thread


async def joined(thread: threading.Thread) -> None:
    await asyncio.to_thread(thread.join)


async def test_readers_get_everything_another_threads_loop_publishes() -> None:
    streams, stream, run = MemoryStreams(), uuid4(), uuid4()
    parts = StreamParts(streams, streams, streams)

    async def write() -> None:
        publisher = RunPublisher(streams, stream, run, 1, KEPT)
        for k in range(EVENTS):
            kind = FrameKind.END if k == EVENTS - 1 else FrameKind.EVENT
            publisher.emit(kind, "values", "values", 0, b"1")
            if k % 7 == 0:
                await asyncio.sleep(0)
        await publisher.close()

    async with (
        reading(parts, stream, run, "start", Row().has_ended) as one,
        reading(parts, stream, run, "start", Row().has_ended) as other,
    ):
        writer = in_another_thread(write())
        await one.finish()
        await other.finish()
        await joined(writer)
    expected = [f"1-{k}" for k in range(EVENTS)]
    assert one.ids == expected
    assert other.ids == expected
    assert not one.gaps


async def test_two_threads_writing_the_same_log_lose_and_repeat_nothing() -> None:
    streams, stream, run = MemoryStreams(), uuid4(), uuid4()
    batch = [frame(1, k, run) for k in range(2_000)]

    async def write() -> None:
        for one in batch:
            await streams.append(stream, [one], KEPT)

    writers = [in_another_thread(write()) for _ in range(3)]
    for writer in writers:
        await joined(writer)
    page = await streams.read(stream, None, limit=10_000)
    assert [one.id.k for one in page.frames] == sorted({one.id.k for one in page.frames})
    assert page.frames[-1].id == EventId(1, 1_999)


async def test_signals_reach_a_listener_in_another_loop() -> None:
    streams, run = MemoryStreams(), uuid4()

    async def nudge() -> None:
        await streams.nudge_cancel(run)

    async with aclosing(streams.listen()) as signals:  # type: ignore[type-var]  # a generator
        assert await anext(signals) == Signal("wake", None)
        thread = in_another_thread(nudge())
        assert await anext(signals) == Signal("cancel", run)
        await joined(thread)


async def test_a_reader_whose_loop_is_gone_harms_nobody(
    recwarn: pytest.WarningsRecorder,
) -> None:
    streams, stream, run = MemoryStreams(), uuid4(), uuid4()
    abandoned = []

    async def subscribe_and_vanish() -> None:
        subscription = streams.subscribe(stream)
        abandoned.append(subscription)
        await subscription.__aenter__()

    await joined(in_another_thread(subscribe_and_vanish()))
    async with streams.subscribe(stream) as alive:
        await streams.append(stream, [frame(1, 0, run)], KEPT)
        assert await alive.receive(10) is not None
