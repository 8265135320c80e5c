"""The embedded Postgres that `joinstream dev` keeps its data in."""

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from joinstream.errors import StartupError
from joinstream.store.embedded.account import account_for, closed_folder, started_as_root
from joinstream.store.embedded.binaries import find_binaries, reachable_copy
from joinstream.store.embedded.cluster import Cluster
from joinstream.store.embedded.folder_lock import FolderLock

DURABLE: Mapping[str, str] = {
    "max_connections": "200",
    # Nobody replicates from an embedded server; crash recovery needs no more than this.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    # Fewer helper processes: quicker to start, and there is one small database.
    "io_method": "sync",
    "max_parallel_workers_per_gather": "0",
    "max_logical_replication_workers": "0",
    "jit": "off",
    "log_checkpoints": "off",
}
"""Settings for users' data: everything a commit promises survives a crash."""


class EmbeddedPostgres:
    """Postgres over `<data_dir>/postgres`; what it holds is there again at the next start.

    Use `start` and `stop`, or `with`. One process may use a data directory at a time.
    """

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir.absolute()
        self._lock = FolderLock(self._data_dir)
        self._cluster: Cluster | None = None

    @property
    def uri(self) -> str:
        """A `postgresql://` address over a Unix socket. Only while started."""
        if self._cluster is None:
            raise RuntimeError("the embedded Postgres is not started")
        return self._cluster.uri

    def start(
        self, options: Mapping[str, str] = DURABLE, initdb_options: tuple[str, ...] = ()
    ) -> None:
        """Create the cluster if it is missing and start it; returns once it answers.

        Raises StartupError when the extra is missing, the directory is in use, is another user's
        or cannot be reached by the account that Postgres runs as, or Postgres does not start.
        """
        binaries = find_binaries()
        _make_folder(self._data_dir)
        try:
            self._lock.acquire()
            self._cluster = self._start_cluster(binaries, options, initdb_options)
        except PermissionError as error:
            self._lock.release()
            raise StartupError(
                f"{error.filename} belongs to another user: start joinstream as that user, "
                "or choose another --data-dir."
            ) from error
        except BaseException:
            self._lock.release()
            raise

    def _start_cluster(
        self, binaries: Path, options: Mapping[str, str], initdb_options: tuple[str, ...]
    ) -> Cluster:
        folder = self._data_dir / "postgres"
        if started_as_root():
            _require_open_way(folder)
            binaries = reachable_copy(binaries, self._data_dir / "binaries")
        account = account_for(folder)
        cluster = Cluster(folder, binaries, account, self._data_dir / "postgres.log")
        if not cluster.exists:
            cluster.create(*initdb_options)
        try:
            cluster.start(options)
        except BaseException:
            cluster.stop()
            raise
        return cluster

    def stop(self) -> None:
        """Shut down and let go of the data directory. Does nothing when not started."""
        if self._cluster is not None:
            self._cluster.stop()
            self._cluster = None
        self._lock.release()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


def _make_folder(folder: Path) -> None:
    """Create the data directory, passable for others; what exists keeps its permissions."""
    try:
        missing = [path for path in (folder, *folder.parents) if not path.is_dir()]
        for path in reversed(missing):
            path.mkdir()
            path.chmod(0o755)
    except OSError as error:
        raise StartupError(
            f"{folder} cannot be made: {error.strerror}. Choose another --data-dir."
        ) from error


def _require_open_way(folder: Path) -> None:
    closed = closed_folder(folder)
    if closed is not None:
        raise StartupError(
            f"Started by root, Postgres runs under an account that cannot enter {closed}: "
            "pass --data-dir /var/lib/joinstream, or start as an ordinary user."
        )
