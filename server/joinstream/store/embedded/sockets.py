"""Where the server's Unix socket lies: in the data folder, unless that path does not do."""

import re
import tempfile
from pathlib import Path

from joinstream.store.embedded.account import Account

SOCKET_NAME = ".s.PGSQL.5432"
_LONGEST_PATH = 100
"""Bytes; kernels allow 103 (macOS) or 107 (Linux)."""
_PLAIN = re.compile(r"[\w./+-]+", re.ASCII)
"""Commas, spaces and the like mean something in connection strings and in Postgres' settings."""


def make_socket_folder(cluster: Path, account: Account) -> Path:
    """The cluster's own folder, or a private one in the temporary directory."""
    path = str(cluster / SOCKET_NAME)
    if len(path.encode()) <= _LONGEST_PATH and _PLAIN.fullmatch(path):
        return cluster
    folder = Path(tempfile.mkdtemp(prefix="joinstream-"))
    account.give(folder)
    return folder
