"""Which parts of a run a client wants to be told."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Selection:
    """What of a run its client wants: all that one of the inclusions names, if there are any, and
    that no exclusion names."""

    include_names: list[str] | None = None
    include_types: list[str] | None = None
    include_tags: list[str] | None = None
    exclude_names: list[str] | None = None
    exclude_types: list[str] | None = None
    exclude_tags: list[str] | None = None

    def has(self, name: str, kind: str, tags: list[str]) -> bool:
        inclusions = (self.include_names, self.include_types, self.include_tags)
        if any(each is not None for each in inclusions) and not _named(
            inclusions, name, kind, tags
        ):
            return False
        return not _named(
            (self.exclude_names, self.exclude_types, self.exclude_tags), name, kind, tags
        )


def _named(lists: tuple[list[str] | None, ...], name: str, kind: str, tags: list[str]) -> bool:
    names, kinds, all_tags = (each or [] for each in lists)
    return name in names or kind in kinds or any(tag in all_tags for tag in tags)
