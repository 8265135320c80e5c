"""What `append.lua` leaves in Redis and publishes."""

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest

from joinstream.domain.events import EventId, FrameBatch
from joinstream.ports import Retention
from joinstream.streams.redis import RedisConnections, RedisEventLog
from tests.support.redis import RedisServer
from tests.support.streams import KEPT, MIB, StreamParts, frame, frames, redis_parts


@pytest.fixture
async def connections(redis_server: RedisServer) -> AsyncIterator[RedisConnections]:
    opened = RedisConnections.open(redis_server.url, key_prefix=f"{uuid4().hex[:6]}:")
    yield opened
    await opened.aclose()


async def _number(connections: RedisConnections, stream: UUID, *command: str) -> int:
    """What a command on the stream's log answers."""
    key = connections.log_key(stream)
    return int(await connections.client.execute_command(*command, key))


async def test_log_and_channel_share_a_hash_tag_behind_the_prefix() -> None:
    stream = uuid4()
    connections = RedisConnections.open("redis://localhost", key_prefix="mine:")
    assert connections.log_key(stream) == f"mine:s:{{{stream}}}"
    assert connections.channel(stream) == f"mine:c:{{{stream}}}"


async def test_entries_carry_the_ids_of_their_events(connections: RedisConnections) -> None:
    stream = uuid4()
    await RedisEventLog(connections).append(stream, frames(12, range(3), uuid4()), KEPT)
    entries = await connections.client.xrange(connections.log_key(stream))
    assert entries is not None
    assert [entry[0] for entry in entries] == [b"12-0", b"12-1", b"12-2"]


async def test_every_key_expires(connections: RedisConnections) -> None:
    stream = uuid4()
    log = RedisEventLog(connections)
    await log.append(stream, frames(1, range(2), uuid4()), Retention(120))
    assert 119_000 < await _number(connections, stream, "PTTL") <= 120_000
    await log.append(stream, frames(1, range(2, 3), uuid4()), Retention(3600))
    assert 3_599_000 < await _number(connections, stream, "PTTL") <= 3_600_000
    await log.append(stream, frames(1, range(3, 4), uuid4()), Retention(120))
    assert await _number(connections, stream, "PTTL") > 3_500_000, "never brought forward"


async def test_the_log_is_bounded_in_entries(connections: RedisConnections) -> None:
    stream, run = uuid4(), uuid4()
    log = RedisEventLog(connections, max_entries=1_000)
    for start in range(0, 3_000, 100):
        await log.append(stream, frames(1, range(start, start + 100), run), KEPT)
    assert 1_000 <= await _number(connections, stream, "XLEN") <= 1_100
    assert await log.top(stream) == EventId(1, 2_999)


async def test_the_log_is_bounded_in_bytes(connections: RedisConnections) -> None:
    stream, run = uuid4(), uuid4()
    log = RedisEventLog(connections, max_bytes=4 * MIB)
    for k in range(100):
        size = 200_000 if k % 10 else 1_000_000
        await log.append(stream, [frame(1, k, run, size=size)], KEPT)
    used = await _number(connections, stream, "MEMORY", "USAGE")
    assert 2 * MIB < used < 6 * MIB
    assert await log.top(stream) == EventId(1, 99)


async def test_the_newest_event_stays_even_if_it_alone_is_too_large(
    connections: RedisConnections,
) -> None:
    stream, run = uuid4(), uuid4()
    log = RedisEventLog(connections, max_bytes=MIB)
    for k in range(3):
        await log.append(stream, [frame(1, k, run, size=2 * MIB)], KEPT)
    assert [f.id.k for f in (await log.read(stream, None)).frames] == [2]


async def test_an_id_is_refused_even_after_all_entries_were_removed(
    connections: RedisConnections,
) -> None:
    stream, run = uuid4(), uuid4()
    log = RedisEventLog(connections)
    await log.append(stream, frames(5, range(3), run), KEPT)
    await connections.client.xtrim(connections.log_key(stream), maxlen=0, approximate=False)
    assert await log.append(stream, frames(4, range(3), run), KEPT) == "stale"
    assert await log.append(stream, frames(5, range(3), run), KEPT) == "appended"
    assert await _number(connections, stream, "XLEN") == 0


@pytest.mark.parametrize(("size", "inline"), [(1, True), (250_000, True), (300_000, False)])
async def test_a_large_body_is_published_as_a_pointer(
    redis_server: RedisServer, size: int, inline: bool
) -> None:
    stream, run = uuid4(), uuid4()
    sent = [frame(1, 0, run), frame(1, 1, run, size=size), frame(1, 2, run)]
    async with redis_parts(redis_server) as parts:
        async with parts.hub.subscribe(stream) as subscription:
            await parts.log.append(stream, sent, KEPT)
            batch = await subscription.receive(10)
        assert (await parts.log.read(stream, None)).frames == sent
    assert isinstance(batch, FrameBatch)
    assert batch.seamless is inline
    expected = sent[1] if inline else sent[1]._replace(body=b"", pointer=True)
    assert list(batch.frames) == [sent[0], expected, sent[2]]


async def test_a_page_is_bounded_in_bytes(connections: RedisConnections) -> None:
    stream, run = uuid4(), uuid4()
    log = RedisEventLog(connections)
    for k in range(20):
        await log.append(stream, [frame(1, k, run, size=MIB // 4)], KEPT)
    page = await log.read(stream, None)
    assert len(page.frames) == 4
    assert page.more


async def test_a_page_holds_at_least_one_frame_however_large(connections: RedisConnections) -> None:
    stream, run = uuid4(), uuid4()
    log = RedisEventLog(connections)
    await log.append(stream, [frame(1, k, run, size=3 * MIB) for k in range(2)], KEPT)
    page = await log.read(stream, None)
    assert [f.id.k for f in page.frames] == [0]
    assert page.more


async def test_the_first_of_an_epoch_keeps_its_other_fields_when_its_predecessor_is_filled_in(
    redis_server: RedisServer,
) -> None:
    stream, before, run = uuid4(), uuid4(), uuid4()
    async with redis_parts(redis_server) as parts:
        await parts.log.append(stream, frames(2**40, range(2), before, end=True), KEPT)
        async with parts.hub.subscribe(stream) as subscription:
            first = frame(2**40 + 3, 0, run)._replace(mode="metadata", depth=2)
            await parts.log.append(stream, [first], KEPT)
            batch = await subscription.receive(10)
    assert isinstance(batch, FrameBatch)
    assert list(batch.frames) == [first._replace(prev=EventId(2**40, 1))]


async def test_a_failed_append_is_an_error_not_a_silent_loss(connections: RedisConnections) -> None:
    stream = uuid4()
    await connections.client.set(connections.log_key(stream), b"not a stream", ex=60)
    with pytest.raises(ConnectionError, match="WRONGTYPE"):
        await RedisEventLog(connections).append(stream, frames(1, range(1, 2), uuid4()), KEPT)


async def test_scripts_are_loaded_again_after_redis_forgot_them(
    connections: RedisConnections,
) -> None:
    stream, run = uuid4(), uuid4()
    log = RedisEventLog(connections)
    await log.append(stream, frames(1, range(1), run), KEPT)
    await connections.client.script_flush()
    await log.append(stream, frames(1, range(1, 2), run), KEPT)
    assert await log.top(stream) == EventId(1, 1)


async def test_two_prefixes_share_a_redis_without_seeing_each_other(
    redis_server: RedisServer,
) -> None:
    stream, run = uuid4(), uuid4()

    async def write(parts: StreamParts, k: int) -> None:
        await parts.log.append(stream, [frame(1, k, run)], KEPT)

    async with redis_parts(redis_server) as mine, redis_parts(redis_server) as yours:
        async with mine.hub.subscribe(stream) as subscription:
            await write(yours, 1)
            await write(mine, 2)
            batch = await subscription.receive(10)
        assert isinstance(batch, FrameBatch)
        assert [f.id.k for f in batch.frames] == [2]
        assert await yours.log.top(stream) == EventId(1, 1)


async def test_reading_a_page_of_large_frames_fetches_hardly_more_than_the_page(
    redis_server: RedisServer, connections: RedisConnections
) -> None:
    stream, run = uuid4(), uuid4()
    log = RedisEventLog(connections)
    for k in range(10):
        await log.append(stream, [frame(1, k, run, size=MIB)], KEPT)
    with redis_server.client() as client, client.monitor() as monitor:
        page = await log.read(stream, None)
        await redis_server.call("ECHO", "read")
        fetched = 0
        while not (command := monitor.next_command()["command"]).startswith("ECHO"):
            if command.startswith("XRANGE") and str(stream) in command:
                fetched += int(command.split()[-1])
    assert (len(page.frames), page.more) == (1, True)
    assert fetched == 2
