"""Searches for threads, planned so that many threads do not slow them down.

A page in an order that one index has together with the condition is read along that index. For any
other condition, what matches is fetched, up to some number, and put in order. Where much matches, a
walk along the order comes upon a page of it sooner, unless it all lies at the far end. As finding
out how much it is, or that it lies there, takes longer than the page, that is remembered for a
while.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import asyncpg

from joinstream.domain.pages import Total, counted, many
from joinstream.domain.threads import THREAD_FIELDS, ThreadFilter, ThreadQuery
from joinstream.encoding import dumps
from joinstream.ports.threads import ThreadPage
from joinstream.sql import load_queries
from joinstream.store.database import Database
from joinstream.store.lower_bounds import LowerBounds

_QUERIES = load_queries(Path(__file__).parent / "queries" / "thread_search.sql")
_STATUSES_WITH_TERMS = ("interrupted", "error")
"""Of their threads there is an index by the terms of their metadata."""
_WITHOUT_INDEX = {"by_terms": "by_metadata"}
"""What is quicker to compare with a row that has been found already."""
_NO_OFFSET = "coalesce(0, $5)"
"""Always 0, and planned as such: Postgres takes a number that it does not know for a large one, and
would plan anew for every query, to do better. Hence the limit stands in the text, too."""
_WORTH_A_WALK = 100
"""From so many matches on, it is quicker to come upon a page of them than to put them in order."""

_Way = Callable[[ThreadQuery], Awaitable[ThreadPage | None]]


class ThreadSearch:
    """Finds and counts the threads of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._matches = LowerBounds()
        self._in_vain = LowerBounds()

    async def page(self, query: ThreadQuery) -> ThreadPage:
        """One page, and how many match."""
        page = await self._found(query)
        if page.total.exact or not query.exact:
            return page
        return page._replace(total=Total(await self.count(query.filter)))

    async def count(self, wanted: ThreadFilter, most: int | None = None) -> int:
        """How many match, counted up to `most`."""
        text = _QUERIES["count"].replace("{matching}", _all_of(_asked(wanted)))
        text = _with_status(text, wanted)
        count: int = await self._database.fetchval(text, *_arguments(wanted), most)
        return count

    async def _found(self, query: ThreadQuery) -> ThreadPage:
        for way in self._ways(query):
            page = await way(query)
            if page is not None:
                return page
        return await self._page(query, await self._rows(query, "matching_first"))

    def _ways(self, query: ThreadQuery) -> list[_Way]:
        """The ways to a page, the one that is quickest as far as is known first."""
        if _asked(query.filter) == _served_by_index(query):
            return [self._page_in_order]
        matches = self._matches.of(_key(query.filter))
        if matches >= _many(query):
            return [self._page_of_walk]
        if matches >= _WORTH_A_WALK:
            return [self._page_of_walk, self._page_of_few]
        return [self._page_of_few, self._page_of_walk]

    async def _page_in_order(self, query: ThreadQuery) -> ThreadPage:
        return await self._page(query, await self._rows(query, "in_order"))

    async def _page_of_few(self, query: ThreadQuery) -> ThreadPage | None:
        """None when too many match to put them in order."""
        rows = await self._rows(query, "few")
        matches = rows[0]["matches"] if rows else 0
        if matches >= _WORTH_A_WALK:
            self._matches.remember(_key(query.filter), matches)
        return None if matches >= _many(query) else await self._page(query, rows)

    async def _page_of_walk(self, query: ThreadQuery) -> ThreadPage | None:
        """None when the first threads in the order do not fill the page."""
        if self._in_vain.of(_walk(query)):
            return None
        rows = await self._rows(query, "first")
        if len(rows) < query.limit:
            self._in_vain.remember(_walk(query), 1)
            return None
        return await self._page(query, rows)

    async def _page(self, query: ThreadQuery, rows: Sequence[asyncpg.Record]) -> ThreadPage:
        """Each row says how much matches; without any, that may be more all the same."""
        wanted = query.select or list(THREAD_FIELDS)
        shown = [*wanted, "extracted"] if query.extract else wanted
        most = _many(query)
        matches = rows[0]["matches"] if rows else await self.count(query.filter, most)
        return ThreadPage(
            [{name: row[name] for name in shown} for row in rows], counted(matches, most)
        )

    async def _rows(self, query: ThreadQuery, place: str) -> list[asyncpg.Record]:
        asked = _asked(query.filter)
        text = (
            _QUERIES["search"]
            .replace("{among}", _QUERIES[place])
            .replace("{matches}", self._told(query, place))
            .replace("{limit}", str(query.limit))
            .replace("{offset}", "$5" if query.offset and place != "few" else _NO_OFFSET)
            .replace("{matching}", _all_of(asked))
            .replace("{compared}", _all_of(_WITHOUT_INDEX.get(name, name) for name in asked))
            .replace("{served}", _all_of(_served_by_index(query)))
            .replace("{order}", _order(query))
        )
        return await self._database.fetch(
            _with_status(text, query.filter),
            *_arguments(query.filter),
            query.offset,
            query.select or list(THREAD_FIELDS),
            [asdict(extract) for extract in query.extract],
            _many(query),
        )

    def _told(self, query: ThreadQuery, place: str) -> str:
        """What tells how much matches."""
        if place == "few":
            return "matches"
        known = self._matches.of(_key(query.filter)) >= _many(query)
        return _QUERIES["known" if known else "counted"]


def _many(query: ThreadQuery) -> int:
    return many(limit=query.limit, offset=query.offset)


def _key(wanted: ThreadFilter) -> bytes:
    """The same for all conditions that the same threads meet."""
    return dumps([*_arguments(wanted), wanted.status])


def _walk(query: ThreadQuery) -> bytes:
    """The same for all queries for the same page."""
    page = dumps([query.sort_by, query.sort_order, query.offset, query.limit])
    return _key(query.filter) + page


def _served_by_index(query: ThreadQuery) -> list[str]:
    """The conditions that hold all along one index, which has the wanted order too."""
    by_status = query.filter.status is not None and query.sort_by in ("status", "updated_at")
    return ["by_status"] if by_status else []


def _asked(wanted: ThreadFilter) -> list[str]:
    """Only conditions that are asked for go into a query: so its plan serves any arguments."""
    terms = _terms(wanted)
    given = {
        "by_metadata": _metadata(wanted) not in (None, [terms]),
        "by_terms": bool(terms),
        "by_values": wanted.values is not None,
        "by_searchable_values": _has_searchable(wanted.values),
        "by_status": wanted.status is not None,
        "by_ids": wanted.ids is not None,
        "by_caller": wanted.visible is not None and not _in_one(wanted),
    }
    return [name for name, asked in given.items() if asked]


def _has_searchable(values: dict[str, Any] | None) -> bool:
    return any(not isinstance(value, list | dict) for value in (values or {}).values())


def _all_of(conditions: Iterable[str]) -> str:
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
    return _metadata(wanted), wanted.values, wanted.ids, wanted.visible


def _metadata(wanted: ThreadFilter) -> list[dict[str, Any]] | None:
    """Documents of which a thread's metadata have to contain one."""
    asked, visible = wanted.metadata, wanted.visible
    if asked is None:
        return None
    if visible is not None and _in_one(wanted):
        return [{**asked, **each} for each in visible]
    return [asked]


def _terms(wanted: ThreadFilter) -> dict[str, Any]:
    """What of the wanted metadata an index of terms finds by itself."""
    documents = _metadata(wanted) or []
    if wanted.status not in _STATUSES_WITH_TERMS or len(documents) != 1:
        return {}
    [document] = documents
    return {key: value for key, value in document.items() if _is_term(value)}


def _is_term(value: Any) -> bool:
    return value is None or isinstance(value, str | bool)


def _in_one(wanted: ThreadFilter) -> bool:
    """Whether one document can say both what is asked for and what the caller may see. An index
    finds what contains it without looking at all that contains the one or the other."""
    asked, visible = wanted.metadata, wanted.visible
    return asked is not None and all(asked.keys().isdisjoint(each) for each in visible or ())
