"""Which changes in a project make `joinstream dev` start anew."""

from collections.abc import Iterable
from pathlib import Path

from watchfiles import Change, DefaultFilter


class ProjectFilter(DefaultFilter):
    """Python files, the configuration and `.env`; nothing in virtual environments or our data."""

    def __init__(self, config: Path, data_dirs: Iterable[Path]) -> None:
        super().__init__()
        self._config = config
        self._data_dirs = tuple(data_dirs)

    def __call__(self, change: Change, path: str) -> bool:
        changed = Path(path)
        relevant = changed.suffix == ".py" or changed.name == ".env" or changed == self._config
        return relevant and super().__call__(change, path) and not self._is_apart(changed)

    def _is_apart(self, path: Path) -> bool:
        return any(
            parent in self._data_dirs or (parent / "pyvenv.cfg").exists() for parent in path.parents
        )
