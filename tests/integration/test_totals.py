"""How many things there are in all: pages tell it, truly, or say that they do not know."""

import pytest

from joinstream.domain.pages import COUNTED_BEYOND_PAGE
from tests.support.api import Api

MANY = COUNTED_BEYOND_PAGE + 50
MORE_THREADS = """
insert into threads (thread_id) select gen_random_uuid() from generate_series(1, $1)
"""
MORE_RUNS = """
insert into runs (run_id, thread_id, temporary, assistant_id, graph_id, kwargs, status)
select gen_random_uuid(), $1, false, gen_random_uuid(), 'echo', '{}', 'success'
from generate_series(1, $2)
"""
EXACTLY = {"Prefer": "count=exact"}


async def new_thread(api: Api) -> str:
    return (await api.client.threads.create())["thread_id"]


@pytest.mark.parametrize("number", [0, 1, 9, 10, 11, 25])
async def test_pages_of_runs_tell_how_many_there_are(api: Api, number: int) -> None:
    thread_id = await new_thread(api)
    await api.backends.pool.execute(MORE_RUNS, thread_id, number)
    seen = 0
    for offset in range(0, number + 1, 10):
        page = await api.http.get(f"/threads/{thread_id}/runs?limit=10&offset={offset}")
        assert page.headers["x-pagination-total"] == str(number)
        assert "x-pagination-exact" not in page.headers
        seen += len(page.json())
        following = str(seen) if seen < number else None
        assert page.headers.get("x-pagination-next") == following
    assert seen == number


async def test_a_total_of_runs_counts_those_of_the_status_and_thread(api: Api) -> None:
    thread_id, other = await new_thread(api), await new_thread(api)
    for thread, number in ((thread_id, 3), (other, 5)):
        await api.backends.pool.execute(MORE_RUNS, thread, number)
    await api.client.runs.create(thread_id, "echo", input={"text": "x"})
    for query, total in (("", 4), ("&status=success", 3), ("&status=pending", 1)):
        page = await api.http.get(f"/threads/{thread_id}/runs?limit=1{query}")
        assert page.headers["x-pagination-total"] == str(total)


async def test_a_total_that_was_not_counted_to_its_end_says_so(api: Api) -> None:
    thread_id = await new_thread(api)
    await api.backends.pool.execute(MORE_RUNS, thread_id, MANY)
    await api.backends.pool.execute(MORE_THREADS, MANY - 1)
    for method, path, body in (
        ("GET", f"/threads/{thread_id}/runs", None),
        ("POST", "/threads/search", {}),
    ):
        page = await api.http.request(method, path, json=body)
        assert page.headers["x-pagination-exact"] == "false"
        assert int(page.headers["x-pagination-total"]) == COUNTED_BEYOND_PAGE + 10 < MANY
        assert page.headers["x-pagination-next"] == "10"
        exact = await api.http.request(method, path, json=body, headers=EXACTLY)
        assert exact.headers["x-pagination-total"] == str(MANY)
        assert "x-pagination-exact" not in exact.headers
        assert exact.json() == page.json()


async def test_a_total_within_reach_of_the_count_is_exact(api: Api) -> None:
    await api.backends.pool.execute(MORE_THREADS, MANY)
    page = await api.http.post("/threads/search", json={"limit": 100})
    assert page.headers["x-pagination-total"] == str(MANY)
    assert "x-pagination-exact" not in page.headers
