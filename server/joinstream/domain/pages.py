"""Pages of a list, and how many things there are in all.

Counting touches everything that matches, while a page touches ten rows. So what lies beyond a page
is counted for a while only, unless the exact number is asked for.
"""

from typing import NamedTuple

COUNTED_BEYOND_PAGE = 1000


class Total(NamedTuple):
    """How many match: exactly so many, or at least."""

    number: int
    exact: bool = True


def told_by_page(found: int, *, limit: int, offset: int) -> Total | None:
    """The total, when a page with so many things on it tells it, as it is the last."""
    return Total(offset + found) if found < limit and (found or not offset) else None


def many(*, limit: int, offset: int) -> int:
    """Where counting stops."""
    return offset + limit + COUNTED_BEYOND_PAGE


def counted(number: int, most: int | None) -> Total:
    """The total after having counted up to `most`; None: to the end."""
    return Total(number, exact=most is None or number < most)
