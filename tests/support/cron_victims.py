"""Processes that fire crons and are killed while they do."""

import asyncio
import multiprocessing
import os
import random
import signal
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from joinstream.auth.access import OpenAccess
from joinstream.backends import open_backends
from joinstream.ports.crons import CronStore, DueCron
from joinstream.project import load_project
from joinstream.settings import load_settings
from joinstream.streams.memory import MemoryStreams
from joinstream.use_cases import make_services
from tests.support.api import GRAPHS

FIRING_SECONDS = 0.012
"""A firing takes less; so the blow falls before, in the middle of, or just after its commit."""

_FRESH_PROCESSES = multiprocessing.get_context("forkserver")
_FRESH_PROCESSES.set_forkserver_preload(["tests.support.cron_victims"])


class _Doomed:
    """The cron store of a process that dies during one of its firings."""

    def __init__(self, crons: CronStore, firings_before: int) -> None:
        self._crons = crons
        self._firings_left = firings_before

    @asynccontextmanager
    async def next_due(self) -> AsyncIterator[DueCron | None]:
        async with self._crons.next_due() as due:
            if due is not None and self._firings_left == 0:
                blow = random.uniform(0, FIRING_SECONDS)
                threading.Timer(blow, os.kill, (os.getpid(), signal.SIGKILL)).start()
            self._firings_left -= 1
            yield due


async def _fire_until_killed(database_uri: str, firings_before: int) -> None:
    settings = load_settings(database_uri=database_uri)
    project = load_project(GRAPHS)
    async with open_backends(
        settings, project, application_name="victim", memory_bus=MemoryStreams()
    ) as backends:
        services = make_services(settings, project, backends, OpenAccess(), None)
        scheduler = services.cron_scheduler
        scheduler._crons = _Doomed(scheduler._crons, firings_before)  # type: ignore[assignment]
        while await scheduler.fire_next():
            pass


def _victim(database_uri: str, firings_before: int) -> None:
    asyncio.run(_fire_until_killed(database_uri, firings_before))


def start_victim(database_uri: str) -> multiprocessing.process.BaseProcess:
    """A process that fires crons until it is killed in one of its first firings, or none is due."""
    victim = _FRESH_PROCESSES.Process(target=_victim, args=(database_uri, random.randrange(3)))
    victim.start()
    return victim
