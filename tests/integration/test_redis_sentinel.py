"""Redis behind Sentinel: the address of the master comes from the sentinels."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from joinstream.streams.redis import RedisConnections, RedisEventHub, RedisEventLog, RedisPubSub
from tests.support.redis import RedisServer, running_redis
from tests.support.streams import KEPT, frame, receive_frames


@pytest.fixture
def sentinel(tmp_path: Path) -> Iterator[RedisServer]:
    with running_redis(tcp=True) as master:
        config = tmp_path / "sentinel.conf"
        config.write_text(f"sentinel monitor events 127.0.0.1 {master.port} 1\n")
        with running_redis(tcp=True, options=(str(config), "--sentinel")) as running:
            yield running


async def test_streams_work_through_a_sentinel(sentinel: RedisServer) -> None:
    stream, run = uuid4(), uuid4()
    connections = RedisConnections.open(f"redis+sentinel://127.0.0.1:{sentinel.port}/events")
    async with RedisPubSub(connections) as pubsub:
        hub, log = RedisEventHub(connections, pubsub), RedisEventLog(connections)
        async with hub.subscribe(stream) as subscription:
            sent = frame(1, 1, run)
            await log.append(stream, [sent], KEPT)
            assert await receive_frames(subscription, 1) == [sent]
        assert (await log.read(stream, None)).frames == [sent]
    await connections.aclose()


def test_a_sentinel_address_without_a_service_is_refused() -> None:
    with pytest.raises(ValueError, match="service name"):
        RedisConnections.open("redis+sentinel://localhost:26379")
