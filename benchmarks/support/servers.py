"""Servers under measurement: the shipped commands, as processes of their own."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, cast

from tests.support.redis import running_redis

from benchmarks.support.launch import launched
from benchmarks.support.processes import ProcessTree
from joinstream.store.embedded import EmbeddedPostgres

_CONFIG = Path(__file__).parents[1] / "graphs" / "langgraph.json"


class CpuUse(NamedTuple):
    """CPU seconds: of joinstream's processes, and of what stands behind them."""

    server: float
    postgres: float
    redis: float

    def since(self, before: "CpuUse") -> "CpuUse":
        return CpuUse(*(now - then for now, then in zip(self, before, strict=True)))

    def plus(self, more: "CpuUse") -> "CpuUse":
        return CpuUse(*(one + other for one, other in zip(self, more, strict=True)))


@dataclass(frozen=True, slots=True)
class Server:
    """A server on `port` of this machine; `ready_after` is how many seconds its start took."""

    port: int
    ready_after: float
    processes: ProcessTree
    postgres: ProcessTree
    redis: ProcessTree | None

    def cpu(self) -> CpuUse:
        """So far."""
        redis = self.redis.cpu_seconds() if self.redis else 0.0
        return CpuUse(self.processes.cpu_seconds(), self.postgres.cpu_seconds(), redis)


@contextmanager
def data_folder() -> Iterator[Path]:
    """A temporary folder that the account of an embedded Postgres may enter."""
    with tempfile.TemporaryDirectory(prefix="joinstream-benchmarks-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@contextmanager
def dev_server(folder: Path) -> Iterator[Server]:
    """`joinstream dev`, with its data in `folder`."""
    command = _command("dev", "--no-reload", "--port", "0", "--data-dir", str(folder))
    with launched(command, folder / "server.log", _environment()) as process:
        postgres = _postmaster(folder)
        yield Server(
            port=process.port,
            ready_after=process.ready_after,
            processes=ProcessTree(process.pid, apart=(postgres,)),
            postgres=ProcessTree(postgres),
            redis=None,
        )


@dataclass(frozen=True, slots=True)
class Backing:
    """What stands behind `serve`: a migrated, durable Postgres, and a Redis."""

    environment: Mapping[str, str]
    postgres: ProcessTree
    redis: ProcessTree
    log: Path


@contextmanager
def running_backing(folder: Path) -> Iterator[Backing]:
    """Postgres with its data in `folder`, and Redis, which keeps nothing."""
    with EmbeddedPostgres(folder) as postgres, running_redis() as redis:
        environment = _environment(DATABASE_URI=postgres.uri, REDIS_URI=redis.url)
        subprocess.run(_command("migrate"), env=environment, check=True, capture_output=True)
        with redis.client() as client:
            redis_pid = cast("dict[str, Any]", client.info("server"))["process_id"]
        yield Backing(
            environment,
            ProcessTree(_postmaster(folder)),
            ProcessTree(redis_pid),
            folder / "server.log",
        )


@contextmanager
def serve_server(backing: Backing) -> Iterator[Server]:
    """`joinstream serve`, with as many workers as it has by default."""
    command = _command("serve", "--port", "0")
    with launched(command, backing.log, backing.environment) as process:
        yield Server(
            port=process.port,
            ready_after=process.ready_after,
            processes=ProcessTree(process.pid),
            postgres=backing.postgres,
            redis=backing.redis,
        )


def _command(name: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "joinstream", name, "--config", str(_CONFIG), *arguments]


def _environment(**ours: str) -> dict[str, str]:
    """As a user has it: shipped settings, and bytecode kept from one start to the next."""
    not_inherited = {"DATABASE_URI", "REDIS_URI", "PYTHONDONTWRITEBYTECODE"}
    inherited = {name: value for name, value in os.environ.items() if name not in not_inherited}
    return inherited | ours


def _postmaster(folder: Path) -> int:
    return int((folder / "postgres" / "postmaster.pid").read_text().split()[0])
