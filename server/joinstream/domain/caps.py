"""How many runs may execute at a time: of one assistant, for one user, with one concurrency key."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Caps:
    """None: as many as there are slots for."""

    per_assistant: int | None = None
    per_user: int | None = None
    per_key: int | None = None

    def by_kind(self) -> dict[str, int]:
        """Those that are set, by the kind of lane they hold for; see `migrations/0010`."""
        kinds = {"assistant": self.per_assistant, "user": self.per_user, "key": self.per_key}
        return {kind: cap for kind, cap in kinds.items() if cap is not None}
