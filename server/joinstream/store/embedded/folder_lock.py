"""One joinstream per data folder."""

import fcntl
import os
from pathlib import Path

from joinstream.errors import StartupError


class FolderLock:
    """An exclusive lock on a folder; the system lets go of it when the process ends, however."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: int | None = None

    def acquire(self) -> None:
        """Raises StartupError, naming the holder, when another process has the folder."""
        file = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(file, 20).decode(errors="replace").strip() or "unknown"
            os.close(file)
            raise StartupError(
                f"{self._folder} is in use by another joinstream (process {holder}): "
                "stop it, or choose another --data-dir."
            ) from None
        os.ftruncate(file, 0)
        os.write(file, f"{os.getpid()}\n".encode())
        self._file = file

    def release(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
