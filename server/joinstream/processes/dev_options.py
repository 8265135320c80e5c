"""What `joinstream dev` was asked for, in a form that reaches its child."""

import hashlib
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from joinstream.settings import Settings
from joinstream.store.embedded.account import closed_folder, started_as_root

DEFAULT_DATA_DIR = Path(".joinstream")
SHORT_GRACE_SECONDS = 2.0
ROOTS_DATA = Path("/var/lib/joinstream")


@dataclass(frozen=True, slots=True)
class DevOptions:
    """`jobs_per_worker` None: as the settings say."""

    config: Path
    data_dir: Path
    jobs_per_worker: int | None

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"config": str(self.config), "data_dir": str(self.data_dir)}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        return cls(Path(content["config"]), Path(content["data_dir"]), content["jobs_per_worker"])


def short_grace_seconds() -> float | None:
    """For executing runs when the server stops; None where the environment gives a time."""
    given = os.environ.get("BG_JOB_SHUTDOWN_GRACE_PERIOD_SECS")
    return None if given else SHORT_GRACE_SECONDS


def for_development(settings: Settings) -> Settings:
    """Pages of the public web, such as LangGraph Studio, may call a server on this machine, unless
    the settings say something of it.
    """
    if "allow_private_network" in settings.model_fields_set:
        return settings
    return settings.model_copy(update={"allow_private_network": True})


def choose_data_dir(asked: Path | None) -> Path:
    """What was asked for, else `.joinstream` here.

    Started by root in a folder that the account of Postgres cannot enter, such as `/root`: a folder
    in `/var/lib/joinstream` that is this folder's own, so that no permission need be changed.
    """
    if asked is not None:
        return asked
    here = Path.cwd()
    if started_as_root() and closed_folder(here / DEFAULT_DATA_DIR / "postgres") is not None:
        key = hashlib.sha256(str(here).encode()).hexdigest()[:8]
        return ROOTS_DATA / f"{here.name}-{key}"
    return DEFAULT_DATA_DIR
