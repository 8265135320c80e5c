"""Everything at once: runs of every kind, cancelled, superseded and deleted, while workers die.

`JOINSTREAM_TEST_SEED` repeats the choices of a test, though not what its processes make of them.
"""

import asyncio
import os
import random
import signal
from typing import Any
from uuid import uuid4

import httpx
from langgraph_sdk.client import LangGraphClient
from langgraph_sdk.errors import ConflictError, NotFoundError

from tests.support.site import Site
from tests.support.streaming import Listener

THREADS = 8
ACTORS = 6
ACTS = 40


async def test_nothing_that_may_never_happen_happens_while_everything_does(site: Site) -> None:
    seed = int(os.environ.get("JOINSTREAM_TEST_SEED", random.randrange(2**32)))
    print(f"JOINSTREAM_TEST_SEED={seed}")
    dice = random.Random(seed)
    threads = [str(uuid4()) for _ in range(THREADS)]
    entrances = (site.deployment.here, site.deployment.there)
    actors = [
        Actor(entrances[number % 2].client, threads, random.Random(dice.random()))
        for number in range(ACTORS)
    ]
    acting = asyncio.gather(*(actor.act() for actor in actors))
    await break_workers(site)
    await acting
    for actor in actors:
        for listener in actor.listeners:
            await site.auditor.agree(await listener.all())
    assert sum(len(actor.listeners) for actor in actors) > ACTS


async def break_workers(site: Site) -> None:
    """One is killed, then the other is told to stop; both come back."""
    first, second = site.topology.workers
    await first.kill()
    await first.start()
    second.signal(signal.SIGTERM)
    await second.ended()
    await second.start()
    await site.redis.call("CLIENT", "KILL", "TYPE", "pubsub")


class Actor:
    """A client that does one thing after another; `listeners` follow runs that it made."""

    def __init__(self, client: LangGraphClient, threads: list[str], dice: random.Random) -> None:
        self._client = client
        self._threads = threads
        self._dice = dice
        self._made: list[tuple[str, str]] = []
        self.listeners: list[Listener] = []

    async def act(self) -> None:
        acts = (self._create, self._create, self._stream, self._stream, self._cancel, self._delete)
        for _ in range(ACTS):
            try:
                await self._dice.choice(acts)()
            except (ConflictError, NotFoundError):
                continue  # the thread was busy, or the run was over: refused with a reason
            except httpx.HTTPStatusError as refusal:  # what methods that wait make of these
                if refusal.response.status_code not in (404, 409):
                    raise

    async def _create(self) -> None:
        thread_id = self._dice.choice(self._threads)
        run = await self._client.runs.create(thread_id, "counter", **self._kind())
        self._made.append((thread_id, run["run_id"]))

    async def _stream(self) -> None:
        stateful = self._dice.random() < 0.8
        where: Any = self._dice.choice(self._threads) if stateful else None
        kind = self._kind()
        if not stateful:
            del kind["multitask_strategy"], kind["if_not_exists"]
        listener = Listener(self._client.runs.stream(where, "counter", **kind))
        await listener.began()
        self.listeners.append(listener)
        if where:
            self._made.append((where, listener.parts[0].data["run_id"]))

    async def _cancel(self) -> None:
        if self._made:
            action: Any = self._dice.choice(["interrupt", "rollback"])
            wait = self._dice.random() < 0.5
            await self._client.runs.cancel(*self._dice.choice(self._made), action=action, wait=wait)

    async def _delete(self) -> None:
        if self._made and self._dice.random() < 0.3:
            await self._client.runs.delete(*self._dice.choice(self._made))

    def _kind(self) -> dict[str, Any]:
        dice = self._dice
        return {
            "input": {"steps": dice.randrange(8), "seconds": dice.choice([0, 0.01, 0.05])},
            "durability": dice.choice(["sync", "async", "exit"]),
            "if_not_exists": "create",
            "multitask_strategy": dice.choice(
                ["enqueue", "enqueue", "enqueue", "interrupt", "rollback", "reject"]
            ),
        }
