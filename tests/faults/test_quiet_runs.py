"""A run may say nothing for longer than its log is kept after the last event."""

from langgraph_sdk import get_client

from tests.support.redis import RedisServer
from tests.support.server import running_topology
from tests.support.waiting import eventually


async def test_the_log_of_a_quiet_run_is_kept(
    database_uri: str, own_redis_server: RedisServer
) -> None:
    async with running_topology(
        database_uri, own_redis_server, RESUMABLE_STREAM_TTL_SECONDS="2"
    ) as topology:
        client = get_client(url=topology.apis[0].url)
        run = await client.runs.create(
            None, "faulty", input={"verb": "hang"}, stream_resumable=True
        )
        log = f"s:{{{run['thread_id']}}}"
        before = 0

        async def expiry_was_put_off() -> bool:
            nonlocal before
            now, before = before, int(str(await own_redis_server.call("PTTL", log)))
            return 0 < now < 1700 < before

        await eventually(expiry_was_put_off)
        await client.runs.cancel(run["thread_id"], run["run_id"])
