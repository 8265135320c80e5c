"""Servers as users run them: processes of the `joinstream` command, over real backends.

`embedded_server` is `joinstream dev`; `Topology` is two APIs and two workers over one Postgres and
one Redis. What the processes print appears in the report of the test that fails.
"""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import httpx
from langgraph_sdk.client import LangGraphClient, get_client

from tests.support.redis import RedisServer

GRAPHS = Path(__file__).parent / "project" / "langgraph.json"
"""The example graphs, and some that only tests need."""
QUICK_GRAPHS = Path(__file__).parent / "quick" / "langgraph.json"
"""Graphs that are over at once, whatever they are given."""
READY_API = " ready on "
READY_WORKER = "worker ready"
STOP_SECONDS = 20.0


class ServerProcess:
    """One process of ours. It can be started again after it has ended."""

    def __init__(
        self, name: str, *arguments: str, ready: str, environment: Mapping[str, str]
    ) -> None:
        self.name = name
        self._arguments = arguments
        self._ready = ready
        self._environment = {**os.environ, "LOG_COLOR": "false", **environment}
        self._process: subprocess.Popen[str] | None = None
        self._lines: list[str] = []
        self._printed = threading.Condition()

    def set(self, **environment: str) -> None:
        """Variables that it has from its next start on."""
        self._environment.update(environment)

    @property
    def pid(self) -> int:
        assert self._process is not None, f"{self.name} was never started"
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> str:
        """What it has printed since it was last started."""
        return "\n".join(self._lines)

    async def start(self) -> Self:
        """Return once it says that it is ready."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "joinstream", *self._arguments],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        self._lines = []
        threading.Thread(target=self._read, args=(self._process,), daemon=True).start()
        await self.line_with(self._ready)
        return self

    async def line_with(self, text: str) -> str:
        """The first line that holds `text`; waits for it as long as the process lives."""
        return await asyncio.to_thread(self._wait_for_line, text)

    async def stop(self) -> None:
        """SIGTERM, and what it takes."""
        if self.running:
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGTERM)
            try:
                await self.ended(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                await self.kill()

    async def kill(self) -> None:
        """SIGKILL: it gets to know nothing."""
        self.signal(signal.SIGKILL)
        await self.ended(STOP_SECONDS)

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    async def ended(self, within: float | None = None) -> int:
        """Its exit code, negative for a signal. Raises TimeoutExpired."""
        assert self._process is not None
        return await asyncio.to_thread(self._process.wait, within)

    def _read(self, process: "subprocess.Popen[str]") -> None:
        lines = self._lines
        assert process.stdout is not None
        for line in process.stdout:
            print(f"[{self.name}] {line}", end="", file=sys.stderr)
            with self._printed:
                lines.append(line.rstrip("\n"))
                self._printed.notify_all()
        process.wait()
        with self._printed:
            self._printed.notify_all()

    def _wait_for_line(self, text: str) -> str:
        seen = 0
        with self._printed:
            while True:
                for line in self._lines[seen:]:
                    if text in line:
                        return line
                seen = len(self._lines)
                assert self.running, f"{self.name} ended without printing {text!r}:\n{self.log}"
                self._printed.wait(1.0)


class ApiProcess(ServerProcess):
    """A process that serves HTTP, on the same port after every start."""

    url = ""

    async def start(self) -> Self:
        await super().start()
        self.url = (await self.line_with(READY_API)).partition(READY_API)[2].split()[0]
        self._arguments = (*self._arguments, "--port", self.url.rpartition(":")[2])
        async with httpx.AsyncClient(base_url=self.url) as http:
            assert (await http.get("/ok")).json()["ok"] is True
        return self


@dataclass(frozen=True)
class Entrance:
    """One API process as clients see it: by the official SDK, and by plain HTTP."""

    client: LangGraphClient
    http: httpx.AsyncClient


@dataclass(frozen=True)
class Deployment:
    """Where clients go. `here` and `there` are two API processes where there are two."""

    here: Entrance
    there: Entrance

    @property
    def client(self) -> LangGraphClient:
        return self.here.client

    @property
    def http(self) -> httpx.AsyncClient:
        return self.here.http


@asynccontextmanager
async def entrance_to(url: str) -> AsyncIterator[Entrance]:
    async with get_client(url=url) as client, httpx.AsyncClient(base_url=url, timeout=60) as http:
        yield Entrance(client, http)


@asynccontextmanager
async def embedded_server(config: Path = GRAPHS, /, **settings: str) -> AsyncIterator[Deployment]:
    """`joinstream dev` with its own Postgres; `settings` are environment variables."""
    with tempfile.TemporaryDirectory(prefix="joinstream-tests-") as folder:
        # Started by root, Postgres runs under an account that has to pass through here.
        Path(folder).chmod(0o755)
        where = ("--config", str(config), "--data-dir", f"{folder}/data", "--port", "0")
        process = ApiProcess(
            "dev", "dev", "--no-reload", *where, ready=READY_API, environment=settings
        )
        try:
            await process.start()
            async with entrance_to(process.url) as entrance:
                yield Deployment(entrance, entrance)
        finally:
            await process.stop()


class Topology:
    """Two API and two worker processes over one Postgres and one Redis."""

    def __init__(self, database_uri: str, redis: RedisServer, **settings: str) -> None:
        environment = {"DATABASE_URI": database_uri, "REDIS_URI": redis.url, **settings}
        config = ("--config", str(GRAPHS))
        serve = ("serve", "--workers", "0", *config, "--port", "0")
        self.database_uri = database_uri
        self.redis = redis
        self.apis = [
            ApiProcess(f"api {number}", *serve, ready=READY_API, environment=environment)
            for number in (1, 2)
        ]
        self.workers = [
            ServerProcess(
                f"worker {number}", "worker", *config, ready=READY_WORKER, environment=environment
            )
            for number in (1, 2)
        ]

    async def start_all(self) -> None:
        """Start whatever does not run."""
        processes = [*self.apis, *self.workers]
        await asyncio.gather(*(process.start() for process in processes if not process.running))

    async def stop_all(self) -> None:
        await asyncio.gather(*(process.stop() for process in (*self.apis, *self.workers)))

    @asynccontextmanager
    async def entrances(self) -> AsyncIterator[Deployment]:
        async with AsyncExitStack() as stack:
            yield Deployment(
                *[await stack.enter_async_context(entrance_to(api.url)) for api in self.apis]
            )


@asynccontextmanager
async def running_topology(
    database_uri: str, redis: RedisServer, **settings: str
) -> AsyncIterator[Topology]:
    """`settings` are environment variables of all four processes."""
    topology = Topology(database_uri, redis, **settings)
    try:
        await topology.start_all()
        yield topology
    finally:
        await topology.stop_all()
