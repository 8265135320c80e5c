"""What an earlier life may have left in a data folder: a running server or a stale pid file.

A process id proves nothing, for the system gives old ids to new processes, in containers almost
always the same ones. A server is alive if its socket accepts a connection.
"""

import os
import signal
import socket
import time
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from joinstream.errors import StartupError
from joinstream.store.embedded.sockets import SOCKET_NAME

_POLL_SECONDS = 0.01


class _PidFile(NamedTuple):
    pid: int
    socket: Path


def is_ready(folder: Path, pid: int) -> bool:
    """Whether the server process `pid` has written that it takes connections."""
    lines = _lines(folder)
    return len(lines) > 7 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"


def clear(folder: Path, patience: float) -> None:
    """Stop a server that still runs over the folder, and remove a pid file that misleads.

    Raises StartupError when that server does not end within `patience` seconds.
    """
    found = _read(folder)
    if found is None:
        (folder / "postmaster.pid").unlink(missing_ok=True)
        return
    if not _accepts(found.socket):
        if _exists(found.pid):
            # Somebody else's process by now; Postgres would take it for a server and not start.
            (folder / "postmaster.pid").unlink()
        return
    os.kill(found.pid, signal.SIGINT)
    deadline = time.monotonic() + patience
    while (folder / "postmaster.pid").exists():
        if time.monotonic() > deadline:
            raise StartupError(
                f"A Postgres that still runs over {folder} does not stop: end process {found.pid}."
            )
        time.sleep(_POLL_SECONDS)


def _lines(folder: Path) -> list[str]:
    try:
        return (folder / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []


def _read(folder: Path) -> _PidFile | None:
    """None when there is no pid file, or one cut off by a crash before the socket was made."""
    lines = _lines(folder)
    if len(lines) < 5 or not lines[0].strip().isdigit():
        return None
    return _PidFile(int(lines[0]), Path(lines[4].strip()) / SOCKET_NAME)


def _accepts(path: Path) -> bool:
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as probe:
        probe.settimeout(5)
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return True


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
