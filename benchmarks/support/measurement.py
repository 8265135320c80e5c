"""What a benchmark yields."""

from dataclasses import dataclass
from typing import Literal

Mode = Literal["dev", "redis"]
"""`dev` with its event bus in memory, or `serve` with a worker process over Redis."""

Unit = Literal["seconds", "per second", "bytes"]


@dataclass(frozen=True, slots=True)
class Aim:
    """What the number should stay below."""

    below: float
    label: str


@dataclass(frozen=True, slots=True)
class Measurement:
    """One number.

    `mode` is None when no server takes part. `floor` is what the same costs without a server, None
    when there is no such thing.
    """

    benchmark: str
    name: str
    mode: Mode | None
    value: float
    unit: Unit
    floor: float | None = None
    aim: Aim | None = None

    @property
    def met(self) -> bool | None:
        """Whether the aim is reached; None when there is none."""
        return None if self.aim is None else self.value < self.aim.below
