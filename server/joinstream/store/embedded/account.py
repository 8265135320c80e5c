"""Who runs Postgres: ourselves, or, since it refuses root, an account of its own."""

import os
import pwd
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

from joinstream.errors import StartupError

ACCOUNT_NAME = "pgserver"
_ROOT = 0


@dataclass(frozen=True, slots=True)
class Account:
    """A user to start programs as; None means: as we are."""

    uid: int | None = None
    gid: int | None = None

    def give(self, path: Path) -> None:
        """Make the account the owner of a path that we have just created."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)


OURSELVES = Account()


def started_as_root() -> bool:
    return os.geteuid() == _ROOT


def account_for(cluster: Path) -> Account:
    """The account that owns an existing cluster, else the one a new cluster is made with.

    Raises StartupError when we are root and there is no account to be had.
    """
    if not started_as_root():
        return OURSELVES
    if cluster.is_dir() and (owner := cluster.stat()).st_uid != _ROOT:
        return Account(owner.st_uid, owner.st_gid)
    try:
        entry = pwd.getpwnam(ACCOUNT_NAME)
    except KeyError:
        entry = _create_account()
    return Account(entry.pw_uid, entry.pw_gid)


def _create_account() -> pwd.struct_passwd:
    try:
        subprocess.run(
            ["useradd", "--system", "--no-create-home", ACCOUNT_NAME],
            check=True,
            capture_output=True,
        )
        return pwd.getpwnam(ACCOUNT_NAME)
    except (OSError, subprocess.CalledProcessError, KeyError) as error:
        raise StartupError(
            "Postgres does not run as root and the account "
            f"{ACCOUNT_NAME} cannot be created: start joinstream as an ordinary user."
        ) from error


def closed_folder(path: Path) -> Path | None:
    """The outermost folder on the way to `path` that other users may not enter, if there is one."""
    for parent in reversed(path.absolute().resolve().parents):
        if parent.exists() and not parent.stat().st_mode & stat.S_IXOTH:
            return parent
    return None
