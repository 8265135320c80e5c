"""Opens Redis: a single server, one behind Sentinel, or a Cluster."""

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit
from uuid import UUID

from redis.asyncio import BlockingConnectionPool, Redis, RedisCluster
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

T = TypeVar("T")

COMMAND_TIMEOUT_SECONDS = 2.0
_LAST_LOOK_SECONDS = 0.25
"""Of a command's time, what begins when the loop comes round to it: a graph that blocked the loop
for all of that time has kept us from reading an answer that may be there."""
_SENTINEL_PORT = 26379

# A connection may have died while it lay in the pool: try once more at once. A command that took
# too long is not repeated here, as its sender knows better what waiting is worth.
_RETRY = Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,))
# Commands are timed by `answer` and not by the client, which would use `asyncio.wait_for`: before
# Python 3.12 that can swallow the cancellation of a task, and its reader would live on for nobody.
_OPTIONS: dict[str, Any] = {
    "protocol": 2,
    "socket_timeout": None,
    "socket_connect_timeout": COMMAND_TIMEOUT_SECONDS,
}


class RedisConnections:
    """The command connections of one process, and the names of its keys and channels.

    `client` connects when it is first used, so that a process starts while Redis is away.
    """

    def __init__(self, client: "Redis | RedisCluster", key_prefix: str = "") -> None:
        self.client = client
        self._prefix = key_prefix

    @classmethod
    def open(
        cls,
        url: str,
        *,
        key_prefix: str = "",
        cluster: bool = False,
        max_connections: int = 2000,
    ) -> "RedisConnections":
        """Accepts redis://, rediss://, unix:// and redis+sentinel://host:port,…/service[/db].

        Raises ValueError when the address cannot be read.
        """
        try:
            return cls(_client(url, cluster=cluster, max_connections=max_connections), key_prefix)
        except TypeError as error:  # it hands on each parameter behind the `?` as an argument
            unknown = str(error).rpartition(" ")[2]
            raise ValueError(f"redis-py knows no parameter {unknown}") from error

    def log_key(self, stream: UUID) -> str:
        return f"{self._prefix}s:{{{stream}}}"

    def channel(self, stream: UUID) -> str:
        """Shares the hash tag of the log's key, so that a script may use both in a Cluster."""
        return f"{self._prefix}c:{{{stream}}}"

    def name(self, what: str) -> str:
        return f"{self._prefix}{what}"

    async def subscriber(self) -> AbstractConnection:
        """A connection of its own that waits for messages as long as it takes; not yet connected.

        Any node of a Cluster will do: they pass all messages on to each other.
        """
        if isinstance(self.client, RedisCluster):
            await self.client.initialize()
            node = self.client.get_random_node()
            return node.connection_class(**node.connection_kwargs)
        pool = self.client.connection_pool
        return pool.connection_class(**pool.connection_kwargs)

    async def publish(self, channel: str, payload: bytes) -> None:
        """Raises ConnectionError."""
        await answer(self.client.execute_command("PUBLISH", channel, payload))

    async def aclose(self) -> None:
        await self.client.aclose()


async def answer(command: Awaitable[T]) -> T:
    """What a command returns. Raises ConnectionError when it fails or takes too long.

    Everything Redis may answer but success means the same to callers: not now.
    """
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(None) as limit:
            last_look = loop.call_later(
                COMMAND_TIMEOUT_SECONDS - _LAST_LOOK_SECONDS,
                lambda: limit.reschedule(loop.time() + _LAST_LOOK_SECONDS),
            )
            try:
                return await command
            finally:
                last_look.cancel()
    except (RedisError, OSError) as error:
        raise ConnectionError(f"Redis: {error}" if str(error) else "Redis is silent") from error


def _client(url: str, *, cluster: bool, max_connections: int) -> "Redis | RedisCluster":
    """Not connected yet. Raises ValueError or TypeError for what redis-py cannot read."""
    if urlsplit(url).scheme.endswith("+sentinel"):
        return _behind_sentinel(url, max_connections)
    if cluster:
        return RedisCluster.from_url(url, max_connections=max_connections, **_OPTIONS)
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=max_connections,
        timeout=COMMAND_TIMEOUT_SECONDS,
        retry=_RETRY,
        **_OPTIONS,
    )
    # made now, for else only the first command would be told of a mistaken parameter
    pool.connection_class(**pool.connection_kwargs)
    return Redis.from_pool(pool)


def _behind_sentinel(url: str, max_connections: int) -> Redis:
    parts = urlsplit(url)
    service, _, db = parts.path.strip("/").partition("/")
    if not service:
        raise ValueError("a Sentinel address ends in /<service name>")
    credentials = {
        name: unquote(value)
        for name, value in (("username", parts.username), ("password", parts.password))
        if value
    }
    sentinel = Sentinel(  # type: ignore[no-untyped-call]  # redis-py left it unannotated
        [_host_and_port(host) for host in parts.netloc.rpartition("@")[2].split(",")],
        sentinel_kwargs={**_OPTIONS},
        **_OPTIONS,
        **credentials,
        db=int(db or 0),
        ssl=parts.scheme.startswith("rediss"),
        max_connections=max_connections,
        retry=_RETRY,
    )
    client = sentinel.master_for(service)
    assert isinstance(client, Redis)
    return client


def _host_and_port(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    return (host, int(port)) if colon else (text, _SENTINEL_PORT)
