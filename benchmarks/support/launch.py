"""Starting a server as a process and waiting for the line in which it says where it listens."""

import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_STOP_PATIENCE_SECONDS = 30.0
_READY = " ready on "


@dataclass(frozen=True, slots=True)
class Launched:
    """A process that listens on `port` of this machine, ready `ready_after` seconds after start."""

    pid: int
    port: int
    ready_after: float


@contextmanager
def launched(
    command: Sequence[str], log_path: Path, environment: Mapping[str, str] | None = None
) -> Iterator[Launched]:
    """Run until the end of the body, then SIGTERM. Raises RuntimeError with its log."""
    with log_path.open("ab") as log:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment
        )
        try:
            port = _port_when_ready(process, log_path)
            yield Launched(process.pid, port, time.perf_counter() - started)
        finally:
            process.terminate()
            process.communicate(timeout=_STOP_PATIENCE_SECONDS)


def _port_when_ready(process: subprocess.Popen[str], log: Path) -> int:
    assert process.stdout is not None
    line = process.stdout.readline()
    if _READY not in line:
        raise RuntimeError(f"the server did not start:\n{log.read_text()}")
    url = line.split(_READY)[1].split()[0]
    return int(url.rpartition(":")[2])
