"""Redis goes away, comes back empty, or falls silent: streams wait, go on, or say what is lost."""

import asyncio
import time
from contextlib import aclosing
from uuid import UUID, uuid4

import pytest

from joinstream.domain.events import EventId
from joinstream.ports import DIRTY, LogPage, Signal
from joinstream.streams import reader as reader_module
from joinstream.streams.join import Ended, Gap, follow
from joinstream.streams.memory import MemoryStreams
from joinstream.streams.publisher import RunPublisher
from joinstream.streams.redis import RedisConnections, pubsub
from joinstream.streams.redis.connection import COMMAND_TIMEOUT_SECONDS, answer
from tests.support.proxy import silent_proxy
from tests.support.redis import RedisServer
from tests.support.streams import KEPT, Row, frame, frames, reading, redis_parts
from tests.support.waiting import eventually

CANCELLED = uuid4()


async def test_who_follows_live_does_not_notice_that_redis_lost_everything(
    own_redis_server: RedisServer,
) -> None:
    stream, run = uuid4(), uuid4()
    async with (
        redis_parts(own_redis_server) as parts,
        reading(parts, stream, run, "start", Row().has_ended) as reader,
    ):
        publisher = RunPublisher(parts.log, stream, run, 1, KEPT)
        for part in frames(1, range(3), run):
            publisher.emit(part.kind, "values", "values", 0, b"1")
        await reader.until(lambda r: len(r.ids) == 3)
        await asyncio.to_thread(own_redis_server.kill)
        for part in frames(1, range(3, 6), run, end=True):
            publisher.emit(part.kind, "values", "values", 0, b"1")
        await asyncio.to_thread(own_redis_server.start)
        await publisher.close()
        await reader.finish()
        assert reader.ids == [f"1-{k}" for k in range(6)]
        assert not reader.gaps

        async with reading(parts, stream, run, "start", Row(ended=True).has_ended) as late:
            await late.finish()
        assert late.gaps == [Gap(None, EventId(1, 2))], "its beginning is lost, and said to be"
        assert late.ids == ["1-3", "1-4", "1-5"]


async def test_joining_while_redis_is_away_waits_alive_and_gets_everything(
    own_redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pubsub, "CONFIRMATION_LIMIT_SECONDS", 0.05)
    stream, run = uuid4(), uuid4()
    own_redis_server.kill()
    async with (
        redis_parts(own_redis_server) as parts,
        reading(parts, stream, run, "start", Row().has_ended, heartbeat=0.01) as reader,
    ):
        await reader.until(lambda r: r.heartbeats >= 3)
        await asyncio.to_thread(own_redis_server.start)
        await parts.log.append(stream, frames(1, range(3), run, end=True), KEPT)
        await reader.finish()
    assert reader.ids == ["1-0", "1-1", "1-2"]
    assert not reader.gaps


async def test_a_join_from_now_during_an_outage_says_that_it_may_have_missed_something(
    own_redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pubsub, "CONFIRMATION_LIMIT_SECONDS", 0.05)
    stream, run = uuid4(), uuid4()
    own_redis_server.kill()
    async with (
        redis_parts(own_redis_server) as parts,
        reading(parts, stream, run, "now", Row().has_ended, heartbeat=0.01) as reader,
    ):
        await reader.until(lambda r: r.heartbeats >= 1)
        await asyncio.to_thread(own_redis_server.start)
        await parts.log.append(stream, frames(1, range(3), run), KEPT)
        await reader.until(lambda r: bool(r.gaps or r.ids))
        await parts.log.append(stream, frames(1, [3], run, end=True), KEPT)
        await reader.finish()
    assert reader.gaps == [Gap(None, EventId(1, 2))] or reader.ids[0] == "1-0"
    assert reader.ids[-1] == "1-3"


async def test_a_run_that_ends_while_redis_is_away_ends_for_its_readers_too(
    own_redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_module, "_LOG_PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr(reader_module, "_LOG_RETRY_SECONDS", 0.02)
    stream, run, row = uuid4(), uuid4(), Row()
    async with (
        redis_parts(own_redis_server) as parts,
        reading(parts, stream, run, "start", row.has_ended, status_every=0.02) as reader,
    ):
        await parts.log.append(stream, [frame(1, 0, run)], KEPT)
        await reader.until(lambda r: r.ids == ["1-0"])
        own_redis_server.kill()
        row.ended = True
        await reader.finish()
    assert reader.gaps == [Gap(EventId(1, 0), None)]
    assert reader.got_synthetic_end


async def test_a_connection_that_falls_silent_is_noticed_and_replaced(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pubsub, "_PING_EVERY_SECONDS", 0.05)
    monkeypatch.setattr(pubsub, "_ECHO_LIMIT_SECONDS", 0.2)
    stream, run = uuid4(), uuid4()
    async with (
        silent_proxy(redis_server.socket) as proxy,
        redis_parts(proxy) as parts,
        parts.hub.subscribe(stream) as subscription,
    ):
        proxy.silence()
        assert await subscription.receive(30) == DIRTY
        await parts.log.append(stream, [frame(1, 1, run)], KEPT)
        assert await subscription.receive(30) is not None


async def test_listeners_hear_again_after_redis_came_back(own_redis_server: RedisServer) -> None:
    async with (
        redis_parts(own_redis_server) as parts,
        aclosing(parts.signals.listen()) as signals,  # type: ignore[type-var]  # a generator
    ):
        assert await anext(signals) == Signal("wake", None)
        await asyncio.to_thread(own_redis_server.kill)
        await parts.signals.wake_workers()
        await asyncio.to_thread(own_redis_server.start)
        assert await anext(signals) == Signal("wake", None), "something may have been missed"
        await parts.signals.nudge_cancel(CANCELLED)
        assert await anext(signals) == Signal("cancel", CANCELLED)


async def test_nudges_are_lost_without_harm_while_redis_is_away(
    own_redis_server: RedisServer,
) -> None:
    own_redis_server.kill()
    async with redis_parts(own_redis_server) as parts:
        await parts.signals.wake_workers()
        await parts.signals.nudge_cancel(CANCELLED)
        await parts.log.nudge(uuid4())


async def test_the_log_says_connection_error_while_redis_is_away(
    own_redis_server: RedisServer,
) -> None:
    stream, run = uuid4(), uuid4()
    own_redis_server.kill()
    async with redis_parts(own_redis_server) as parts:
        for asking in (
            parts.log.append(stream, [frame(1, 0, run)], KEPT),
            parts.log.read(stream, None),
            parts.log.top(stream),
            parts.log.first_of_run(stream, run),
            parts.log.touch(stream, KEPT),
        ):
            with pytest.raises(ConnectionError):
                await asking


async def test_an_answer_that_came_while_a_graph_blocked_the_loop_is_no_silence(
    own_redis_server: RedisServer,
) -> None:
    connections = RedisConnections.open(own_redis_server.url)
    asking = asyncio.create_task(answer(connections.client.execute_command("BLPOP", "list", 0)))

    async def asked() -> bool:
        clients = await own_redis_server.call("CLIENT", "LIST")
        return isinstance(clients, bytes) and b"cmd=blpop" in clients

    await eventually(asked)
    with own_redis_server.client() as client:
        client.rpush("list", "it")
    time.sleep(COMMAND_TIMEOUT_SECONDS)  # noqa: ASYNC251 - blocking the loop is the fault
    assert await asking == (b"list", b"it")
    await connections.aclose()


class SilentLog(MemoryStreams):
    """A Redis that takes connections and answers nothing: each look takes all of its time."""

    async def read(self, stream: UUID, after: EventId | None, limit: int = 500) -> LogPage:
        await asyncio.sleep(0.02)
        raise ConnectionError("silent")


async def test_a_reader_looks_at_the_row_though_each_look_at_the_log_takes_its_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reader_module, "_LOG_RETRY_SECONDS", 0.01)
    log, stream, run_id = SilentLog(), uuid4(), uuid4()
    row = Row(ended=True)
    async with log.subscribe(stream) as subscription:
        items = [
            item
            async for item in follow(
                log,
                subscription,
                stream=stream,
                run_id=run_id,
                cursor=EventId(1, 0),
                has_ended=row.has_ended,
                has_begun=row.has_begun,
                log_patience=0.1,
            )
        ]
    assert items == [Gap(EventId(1, 0), None), Ended()]
