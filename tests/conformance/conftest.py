"""Every implementation of the stream seams, each opened once for the session."""

from collections.abc import AsyncIterator

import pytest
from tests.support.redis import RedisServer, running_redis
from tests.support.streams import StreamParts, memory_parts, redis_parts
from tests.support.waiting import eventually

_CLUSTER = ("--cluster-enabled", "yes")


async def _is_ready(node: RedisServer) -> bool:
    info = await node.call("CLUSTER", "INFO")
    assert isinstance(info, bytes)
    return b"cluster_state:ok" in info


@pytest.fixture(scope="session", params=["memory", "redis", "redis-cluster"])
async def parts(
    request: pytest.FixtureRequest, redis_server: RedisServer
) -> AsyncIterator[StreamParts]:
    if request.param == "memory":
        async with memory_parts() as opened:
            yield opened
    elif request.param == "redis":
        async with redis_parts(redis_server) as opened:
            yield opened
    else:
        with running_redis(tcp=True, options=_CLUSTER) as node:
            await node.call("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
            await eventually(lambda: _is_ready(node))
            async with redis_parts(node, cluster=True) as opened:
                yield opened
