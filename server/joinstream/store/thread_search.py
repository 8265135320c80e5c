"""Searches for threads, planned so that many threads do not slow them down."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import asyncpg

from joinstream.domain.threads import THREAD_FIELDS, ThreadFilter, ThreadQuery
from joinstream.ports.threads import ThreadPage
from joinstream.sql import load_queries
from joinstream.store.database import Database

_QUERIES = load_queries(Path(__file__).parent / "queries" / "thread_search.sql")

_COUNTED_BEYOND_PAGE = 1000
"""The total of a page is exact up to here; from there on it is only known to be no less."""


async def search_threads(database: Database, query: ThreadQuery) -> ThreadPage:
    """One page."""
    rows: list[asyncpg.Record] = []
    for place in _places_to_look(query):
        rows = await _page(database, query, place)
        if len(rows) == query.limit:
            break
    wanted = query.select or list(THREAD_FIELDS)
    shown = [*wanted, "extracted"] if query.extract else wanted
    threads = [{name: row[name] for name in shown} for row in rows]
    return ThreadPage(threads, await _total(database, query, len(rows)))


async def count_threads(database: Database, wanted: ThreadFilter, most: int | None = None) -> int:
    """How many match, counted up to `most`."""
    text = _QUERIES["count"].replace("{matching}", _all_of(_asked(wanted)))
    text = _with_status(text, wanted)
    count: int = await database.fetchval(text, *_arguments(wanted), most)
    return count


async def _page(database: Database, query: ThreadQuery, place: str) -> list[asyncpg.Record]:
    text = (
        _QUERIES["search"]
        .replace("{among}", _QUERIES[place])
        .replace("{matching}", _all_of(_asked(query.filter)))
        .replace("{served}", _all_of(_served_by_index(query)))
        .replace("{order}", _order(query))
    )
    return await database.fetch(
        _with_status(text, query.filter),
        *_arguments(query.filter),
        query.limit,
        query.offset,
        query.select or list(THREAD_FIELDS),
        [asdict(extract) for extract in query.extract],
    )


async def _total(database: Database, query: ThreadQuery, found: int) -> int:
    """The number of matches, counted only when the page does not tell it."""
    if found < query.limit and (found or not query.offset):
        return query.offset + found
    return await count_threads(database, query.filter, query.offset + found + _COUNTED_BEYOND_PAGE)


def _places_to_look(query: ThreadQuery) -> tuple[str, ...]:
    """Queries to try until one fills the page.

    What no index serves together with the order may match anywhere in it: a walk along the order
    finds the page at once, or only at the far end. So it is a short walk, then a search.
    """
    if query.filter.ids is not None:
        return ("matching_first",)
    if _asked(query.filter) == _served_by_index(query):
        return ("in_order",)
    return ("first", "matching_first")


def _served_by_index(query: ThreadQuery) -> list[str]:
    """The conditions that hold all along one index, which has the wanted order too."""
    by_status = query.filter.status is not None and query.sort_by in ("status", "updated_at")
    return ["by_status"] if by_status else []


def _asked(wanted: ThreadFilter) -> list[str]:
    """Only conditions that are asked for go into a query: so its plan serves any arguments."""
    given = {
        "by_metadata": wanted.metadata,
        "by_values": wanted.values,
        "by_status": wanted.status,
        "by_ids": wanted.ids,
        "by_caller": wanted.visible,
    }
    return [name for name, argument in given.items() if argument is not None]


def _all_of(conditions: Sequence[str]) -> str:
    return " and ".join(_QUERIES[name] for name in ("typed", *conditions))


def _with_status(text: str, wanted: ThreadFilter) -> str:
    return text.replace("{status}", wanted.status or "")


def _order(query: ThreadQuery) -> str:
    """Ends with the id, so that pages never overlap; each is the order of an index."""
    fields = [query.sort_by, "thread_id"]
    if query.sort_by == "status":
        fields.insert(1, "updated_at")
    return ", ".join(f"{field} {query.sort_order}" for field in fields)


def _arguments(wanted: ThreadFilter) -> tuple[Any, ...]:
    return wanted.metadata, wanted.values, wanted.ids, wanted.visible
