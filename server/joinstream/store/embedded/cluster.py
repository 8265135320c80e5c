"""One Postgres data folder: created, started, stopped, and recovered after an unclean end."""

import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import quote

from joinstream.errors import StartupError
from joinstream.store.embedded import leftover
from joinstream.store.embedded.account import Account
from joinstream.store.embedded.sockets import make_socket_folder

SUPERUSER = "postgres"
_POLL_SECONDS = 0.01
_START_PATIENCE_SECONDS = 120.0
"""Replaying the log after a crash may take a while."""
_STOP_PATIENCE_SECONDS = 30.0


class Cluster:
    """A data folder and the server process over it. The caller sees to it that we are alone."""

    def __init__(self, folder: Path, binaries: Path, account: Account, log: Path) -> None:
        self._folder = folder
        self._binaries = binaries
        self._account = account
        self._log = log
        self._socket_folder: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def exists(self) -> bool:
        """Whether `create` has been done, now or in an earlier life."""
        return (self._folder / "PG_VERSION").exists()

    @property
    def uri(self) -> str:
        """Address of the default database, over the Unix socket. Only while started."""
        if self._socket_folder is None:
            raise RuntimeError("the cluster is not started")
        return f"postgresql://{SUPERUSER}@/postgres?host={quote(str(self._socket_folder), safe='')}"

    def create(self, *initdb_options: str) -> None:
        """Run initdb. A folder that appears is complete: it is built beside and then renamed.

        Raises StartupError when initdb fails.
        """
        unfinished = self._folder.with_name(self._folder.name + ".new")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        self._account.give(unfinished)
        process = self._spawn(
            "initdb",
            *("--pgdata", str(unfinished), "--username", SUPERUSER, "--auth", "trust"),
            *("--encoding", "UTF8", "--locale", "C"),
            *("--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
            *initdb_options,
        )
        if process.wait() != 0:
            raise StartupError(f"Postgres could not be set up: {self._last_words()}")
        unfinished.rename(self._folder)

    def start(self, options: Mapping[str, str]) -> None:
        """Start the server with `options` over its configuration; returns once it answers.

        A server left over from an earlier life is stopped first. Raises StartupError when the
        server ends before it is ready.
        """
        leftover.clear(self._folder, _STOP_PATIENCE_SECONDS)
        socket_folder = make_socket_folder(self._folder, self._account)
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(socket_folder),
            "unix_socket_permissions": "0700",
            **options,
        }
        flags = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self._socket_folder = socket_folder
        self._process = self._spawn("postgres", "-D", str(self._folder), *flags)
        self._wait_until_ready(self._process)

    def stop(self) -> None:
        """Shut down: sessions are ended, everything is written. Does nothing when not started."""
        if self._process is not None:
            _end(self._process)
            self._process = None
        if self._socket_folder is not None and self._socket_folder != self._folder:
            shutil.rmtree(self._socket_folder, ignore_errors=True)
        self._socket_folder = None

    def _spawn(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a program as the account, in a session of its own: Ctrl-C is not meant for it."""
        with self._log.open("ab") as log:
            try:
                return subprocess.Popen(
                    [str(self._binaries / program), *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd="/",
                    start_new_session=True,
                    user=self._account.uid,
                    group=self._account.gid,
                    extra_groups=None if self._account.uid is None else [],
                )
            except OSError as error:
                raise StartupError(f"Postgres cannot be started: {error}.") from error

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        def ready() -> bool:
            return process.poll() is not None or leftover.is_ready(self._folder, process.pid)

        answers = _poll(ready, _START_PATIENCE_SECONDS)
        if process.poll() is not None or not answers:
            self.stop()
            raise StartupError(f"Postgres did not start: {self._last_words()}")

    def _last_words(self) -> str:
        """The last line of the log that tells a reason, and where the rest is."""
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        reasons = [line for line in lines if "FATAL:" in line or "error:" in line]
        reason = reasons[-1] if reasons else "no reason given"
        return f"{reason.strip()} (see {self._log})"


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask for a fast shutdown, then an immediate one, then end the process."""
    for ask in (signal.SIGINT, signal.SIGQUIT):
        process.send_signal(ask)
        try:
            process.wait(_STOP_PATIENCE_SECONDS)
            return
        except subprocess.TimeoutExpired:
            continue
    process.kill()
    process.wait()


def _poll(condition: Callable[[], bool], patience: float) -> bool:
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True
