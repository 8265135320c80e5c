"""Workers that die between the end of a run and its webhook."""

import asyncio
import random
from collections import Counter

from tests.support.receiver import Receiver, running_receiver
from tests.support.site import Site
from tests.support.waiting import eventually

RUNS = 150
KILLINGS = 6


async def create_runs(site: Site, receiver: Receiver) -> set[str]:
    created = set()
    for number in range(RUNS):
        run = await site.client.runs.create(
            None, "echo", input={"text": str(number)}, webhook=receiver.url
        )
        created.add(run["run_id"])
        await asyncio.sleep(random.uniform(0, 0.02))
    return created


async def kill_workers(site: Site) -> None:
    for _ in range(KILLINGS):
        worker = random.choice(site.topology.workers)
        await asyncio.sleep(random.uniform(0, 0.5))
        await worker.kill()
        await worker.start()


async def test_killed_workers_lose_no_webhook(site: Site) -> None:
    async with running_receiver() as receiver:
        created, _ = await asyncio.gather(create_runs(site, receiver), kill_workers(site))

        # what a killed worker had taken would be due again in a minute
        await site.fetchval("update webhook_deliveries set next_attempt = now()")

        async def all_are_told() -> bool:
            return told(receiver).keys() >= created

        await eventually(all_are_told)
        assert told(receiver).keys() == created


def told(receiver: Receiver) -> Counter[str]:
    """How often each run was told of."""
    return Counter(each.json["run_id"] for each in receiver.received)
