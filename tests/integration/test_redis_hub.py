"""One subscribing connection for all readers of a process, and nothing left when they are gone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

from joinstream.ports import DIRTY
from joinstream.streams.redis import RedisConnections, RedisEventHub, RedisEventLog, RedisPubSub
from tests.support.redis import RedisServer
from tests.support.streams import KEPT, frame, receive_frames, redis_parts
from tests.support.waiting import eventually


async def _subscribers(server: RedisServer) -> int:
    clients = await server.call("CLIENT", "LIST", "TYPE", "pubsub")
    assert isinstance(clients, bytes)
    return len(clients.splitlines())


@asynccontextmanager
async def _impatient_hub(server: RedisServer) -> AsyncIterator[tuple[RedisEventHub, RedisEventLog]]:
    """A hub that leaves channels without readers almost at once."""
    connections = RedisConnections.open(server.url)
    async with RedisPubSub(connections) as pubsub:
        yield (
            RedisEventHub(connections, pubsub, linger_seconds=0.02),
            RedisEventLog(connections),
        )
    await connections.aclose()


async def _until_left(server: RedisServer, stream: UUID) -> None:
    async def left() -> bool:
        return not await _is_subscribed(server, stream)

    await eventually(left)


async def _is_subscribed(server: RedisServer, stream: UUID) -> bool:
    channels = await server.call("PUBSUB", "CHANNELS")
    assert isinstance(channels, list)
    return f"c:{{{stream}}}".encode() in channels


async def test_any_number_of_readers_needs_one_connection(own_redis_server: RedisServer) -> None:
    run = uuid4()
    async with redis_parts(own_redis_server) as parts:

        async def read_one() -> None:
            stream = uuid4()
            async with parts.hub.subscribe(stream) as subscription:
                sent = frame(1, 1, run)
                await parts.log.append(stream, [sent], KEPT)
                assert await receive_frames(subscription, 1) == [sent]
                assert await _subscribers(own_redis_server) == 1

        await asyncio.gather(*(read_one() for _ in range(50)))


async def test_a_channel_is_left_some_time_after_its_last_reader(
    own_redis_server: RedisServer,
) -> None:
    stream, other, run = uuid4(), uuid4(), uuid4()
    async with _impatient_hub(own_redis_server) as (hub, log):
        async with hub.subscribe(stream):
            async with hub.subscribe(stream), hub.subscribe(other):
                pass
            await _until_left(own_redis_server, other)
            assert await _is_subscribed(own_redis_server, stream), "somebody still reads"
        await _until_left(own_redis_server, stream)
        async with hub.subscribe(stream) as subscription:
            await log.append(stream, [frame(1, 1, run)], KEPT)
            assert len(await receive_frames(subscription, 1)) == 1


async def test_who_comes_back_while_the_channel_lingers_stays_subscribed(
    own_redis_server: RedisServer,
) -> None:
    stream, other, run = uuid4(), uuid4(), uuid4()
    async with _impatient_hub(own_redis_server) as (hub, log):
        async with hub.subscribe(stream):
            pass
        async with hub.subscribe(stream) as subscription:
            async with hub.subscribe(other):
                pass
            await _until_left(own_redis_server, other)
            await log.append(stream, [frame(1, 1, run)], KEPT)
            assert len(await receive_frames(subscription, 1)) == 1


async def test_an_unreadable_message_is_survived(redis_server: RedisServer) -> None:
    stream, run = uuid4(), uuid4()
    connections = RedisConnections.open(redis_server.url)
    log = RedisEventLog(connections)
    async with (
        RedisPubSub(connections) as pubsub,
        RedisEventHub(connections, pubsub).subscribe(stream) as subscription,
    ):
        await connections.publish(connections.channel(stream), b"\xff\xff\xff\xffgarbage")
        assert await subscription.receive(10) == DIRTY
        await log.append(stream, [frame(1, 1, run)], KEPT)
        assert len(await receive_frames(subscription, 1)) == 1
    await connections.aclose()
