"""Whichever index a search of threads uses, it finds what Postgres itself says that matches."""

from random import Random
from string import ascii_letters
from typing import Any

import pytest

from tests.support.api import Api

LONG = "".join(Random(0).choices(ascii_letters, k=10_000))
"""Too long for an entry of an index, however it is compressed."""
METADATA: list[dict[str, Any]] = [
    {},
    {"graph_id": "counter"},
    {"graph_id": "counter", "owner": "a"},
    {"graph_id": "counter", "owner": "b", "tags": ["x", "y"]},
    {"graph_id": "Counter"},
    {"graph_id": ["counter"]},
    {"graph_id": {"counter": None}},
    {"graph_id": None},
    {"flag": True},
    {"flag": "true"},
    {"flag": 1},
    {"flag": 1.0, "owner": "a"},
    {'say "a", "b': 'c", "d'},
    {'say "a': '", "b", "c", "d'},
    {"": "", "snow ☃": "\U0001f40d\n\\"},
    {"long": LONG},
    {"long": LONG + "."},
    {LONG: None},
]
FILL = """
insert into threads (thread_id, status, metadata)
select gen_random_uuid(), status, metadata
from unnest($1::jsonb[]) as metadata, unnest('{idle,interrupted,error}'::text[]) as status
"""
TRUTH = "select thread_id::text from threads where metadata @> $1 and status = $2"
WANTED: list[dict[str, Any]] = [
    *METADATA,
    {"tags": ["y"]},
    {"tags": ["y"], "owner": "b"},
    {"tags": ["y"], "owner": "a"},
    {"flag": 1, "owner": "a"},
    {"graph_id": "counter", "owner": None},
]


@pytest.mark.parametrize("status", ["idle", "interrupted", "error"])
async def test_a_search_by_metadata_finds_what_contains_them(api: Api, status: str) -> None:
    pool = api.backends.pool
    await pool.execute(FILL, METADATA)
    for wanted in WANTED:
        truth = {row["thread_id"] for row in await pool.fetch(TRUTH, wanted, status)}
        asked = {"metadata": wanted, "status": status}
        for order in ("updated_at", "thread_id"):
            page = await api.http.post(
                "/threads/search", json={**asked, "sort_by": order, "limit": 100}
            )
            assert {thread["thread_id"] for thread in page.json()} == truth, wanted
            assert page.headers["x-pagination-total"] == str(len(truth))
        assert (await api.http.post("/threads/count", json=asked)).json() == len(truth)


async def test_pages_of_few_matches_follow_each_other(api: Api) -> None:
    await api.backends.pool.execute(FILL, [{"mark": "x", "n": n} for n in range(7)])
    asked = {"metadata": {"mark": "x"}, "status": "error", "sort_by": "created_at", "limit": 3}
    seen = []
    for offset in (0, 3, 6, 9):
        page = await api.http.post("/threads/search", json={**asked, "offset": offset})
        assert page.headers["x-pagination-total"] == "7"
        seen += [thread["metadata"]["n"] for thread in page.json()]
    assert sorted(seen) == list(range(7))
