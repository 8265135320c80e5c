"""A real Redis on a socket of its own, to be started, killed and started again."""

import asyncio
import random
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from redis import Redis
from redis.exceptions import BusyLoadingError, ConnectionError


class RedisServer:
    """Keeps nothing on disk: after `kill` and `start` it is empty.

    By default it listens on a unix socket alone. `tcp` gives it a port, which a Cluster needs.
    `options` are more of the program's arguments, first a configuration file if there is one.
    """

    def __init__(self, folder: Path, *, tcp: bool = False, options: tuple[str, ...] = ()) -> None:
        self._folder = folder
        self._options = options
        self.port = _free_port() if tcp else 0
        self.socket = folder / "redis.sock"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}" if self.port else f"unix://{self.socket}"

    def start(self) -> Self:
        """Return once it answers."""
        program = shutil.which("redis-server")
        assert program is not None, "install redis-server to run these tests"
        where = ["--port", str(self.port), "--unixsocket", str(self.socket)]
        storage = ["--save", "", "--appendonly", "no", "--dir", str(self._folder)]
        self._process = subprocess.Popen(
            [program, *self._options, *where, *storage], stdout=subprocess.DEVNULL
        )
        with self.client() as client:
            while not _answers(client):
                assert self._process.poll() is None, "redis-server did not start"
                time.sleep(0.005)
        return self

    def kill(self) -> None:
        """SIGKILL: connections break, and everything stored is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def client(self) -> "Redis":
        """For the test's own looks and strokes."""
        return Redis.from_url(self.url)

    async def call(self, *command: str | int) -> object:
        """Run one command without holding up the loop."""
        with self.client() as client:
            return await asyncio.to_thread(client.execute_command, *command)


@contextmanager
def running_redis(*, tcp: bool = False, options: tuple[str, ...] = ()) -> Iterator[RedisServer]:
    # Not pytest's tmp_path: a socket's path may have no more than 107 characters.
    with tempfile.TemporaryDirectory(prefix="jsr-") as folder:
        server = RedisServer(Path(folder), tcp=tcp, options=options)
        try:
            yield server.start()
        finally:
            server.kill()


def _answers(client: "Redis") -> bool:
    try:
        return bool(client.ping())
    except (ConnectionError, BusyLoadingError):
        return False


def _free_port() -> int:
    """A port below those that the system hands out, and so is the one a Cluster adds 10,000 to."""
    while True:
        port = random.randrange(10_000, 22_000)
        if _is_free(port) and _is_free(port + 10_000):
            return port


def _is_free(port: int) -> bool:
    with socket.socket() as listener:
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
