"""Threads, over HTTP with the official client."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest
from langgraph_sdk.errors import ConflictError, NotFoundError, UnprocessableEntityError

from joinstream.domain.pages import COUNTED_BEYOND_PAGE
from joinstream.ports.runs import Ending
from tests.support.api import Api
from tests.support.queue import ALICE

FIELDS = {
    "thread_id",
    "created_at",
    "updated_at",
    "state_updated_at",
    "metadata",
    "status",
    "config",
    "values",
    "interrupts",
    "error",
    "active_run_id",
}


async def make_threads(api: Api, count: int, **metadata: Any) -> list[str]:
    """Threads in the order of their creation."""
    made = [
        await api.client.threads.create(metadata={"position": position, **metadata})
        for position in range(count)
    ]
    return [thread["thread_id"] for thread in made]


async def test_a_new_thread_is_idle_and_empty(api: Api) -> None:
    thread: Any = await api.client.threads.create(metadata={"owner": "ada"}, graph_id="echo")
    assert thread.keys() == FIELDS
    assert UUID(thread["thread_id"]).version == 7
    assert thread["metadata"] == {"owner": "ada", "graph_id": "echo"}
    assert (thread["status"], thread["values"], thread["interrupts"]) == ("idle", None, {})
    assert thread["created_at"].endswith("+00:00")
    assert await api.client.threads.get(thread["thread_id"]) == thread


async def test_a_busy_thread_says_which_run_keeps_it_busy(api: Api) -> None:
    """The one that executes, else the one that will."""
    thread_id, idle = await make_threads(api, 2)
    created = [
        await api.client.runs.create(thread_id, "echo", input={"text": "hi"}, after_seconds=delay)
        for delay in (0, 60, 0)
    ]
    waiting, delayed, last = (UUID(run["run_id"]) for run in created)

    async def active() -> UUID | None:
        shown: Any = await api.client.threads.get(thread_id)
        (found,) = await api.client.threads.search(ids=[thread_id], select=["active_run_id"])  # type: ignore[list-item]  # ours
        assert found == {"active_run_id": shown["active_run_id"]}
        return UUID(shown["active_run_id"]) if shown["active_run_id"] else None

    assert await active() == waiting
    (executing,) = await api.backends.runs.claim(ALICE, 5)
    assert await active() == executing.run_id == waiting
    await api.backends.runs.finish(executing, Ending("success"))
    assert await active() == last
    await api.client.runs.cancel(thread_id, str(last))
    assert await active() == delayed
    await api.client.runs.cancel(thread_id, str(delayed))
    assert await active() is None
    other: Any = await api.client.threads.get(idle)
    assert other["active_run_id"] is None


async def test_an_id_that_is_taken_is_a_conflict_unless_the_thread_is_wanted(api: Api) -> None:
    thread_id = str(uuid4())
    first = await api.client.threads.create(thread_id=thread_id, metadata={"a": 1})
    with pytest.raises(ConflictError, match="do_nothing"):
        await api.client.threads.create(thread_id=thread_id)
    again = await api.client.threads.create(
        thread_id=thread_id, metadata={"b": 2}, if_exists="do_nothing"
    )
    assert again == first


async def test_of_many_creators_of_one_id_one_makes_it(api: Api) -> None:
    thread_id = str(uuid4())
    answers = await asyncio.gather(
        *(api.http.post("/threads", json={"thread_id": thread_id}) for _ in range(20))
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 19


async def test_the_time_to_live_is_kept_and_shown_on_demand(api: Api) -> None:
    thread = await api.client.threads.create(ttl=30)
    shown: Any = await api.client.threads.get(thread["thread_id"], include=["ttl"])
    assert (shown["ttl"]["strategy"], shown["ttl"]["ttl"]) == ("delete", 30)
    assert shown["ttl"]["expires_at"] > shown["updated_at"]
    await api.client.threads.update(
        thread["thread_id"], metadata={}, ttl={"ttl": 5, "strategy": "keep_latest"}
    )
    shown = await api.client.threads.get(thread["thread_id"], include=["ttl"])
    assert (shown["ttl"]["strategy"], shown["ttl"]["ttl"]) == ("keep_latest", 5)


async def test_patching_merges_metadata(api: Api) -> None:
    thread = await api.client.threads.create(metadata={"a": 1, "b": 1})
    patched: Any = await api.client.threads.update(thread["thread_id"], metadata={"b": 2, "c": 3})
    assert patched["metadata"] == {"a": 1, "b": 2, "c": 3}
    assert patched["updated_at"] > thread["updated_at"]


async def test_concurrent_patches_lose_nothing(api: Api) -> None:
    (thread_id,) = await make_threads(api, 1)
    await asyncio.gather(
        *(api.client.threads.update(thread_id, metadata={f"k{n}": n}) for n in range(20))
    )
    thread = await api.client.threads.get(thread_id)
    assert thread["metadata"] == {"position": 0} | {f"k{n}": n for n in range(20)}


async def test_a_patch_may_ask_for_no_answer(api: Api) -> None:
    (thread_id,) = await make_threads(api, 1)
    answer = await api.http.patch(
        f"/threads/{thread_id}", json={"metadata": {"a": 1}}, headers={"Prefer": "return=minimal"}
    )
    assert (answer.status_code, answer.content) == (204, b"")


async def test_pages_follow_each_other_and_know_the_true_total(api: Api) -> None:
    made = await make_threads(api, 5)
    seen: list[str] = []
    offset: str | None = "0"
    while offset is not None:
        body = {"limit": 2, "offset": int(offset), "sort_by": "created_at", "sort_order": "asc"}
        page = await api.http.post("/threads/search", json=body)
        assert page.headers["x-pagination-total"] == "5"
        seen += [thread["thread_id"] for thread in page.json()]
        offset = page.headers.get("x-pagination-next")
    assert seen == made


async def test_a_page_beyond_the_end_is_empty_but_knows_the_total(api: Api) -> None:
    await make_threads(api, 3)
    page = await api.http.post("/threads/search", json={"offset": 500})
    assert (page.json(), page.headers["x-pagination-total"]) == ([], "3")
    assert "x-pagination-next" not in page.headers


@pytest.mark.parametrize("field", ["thread_id", "status", "created_at", "updated_at"])
async def test_threads_sort_both_ways_by_every_field(api: Api, field: Any) -> None:
    await make_threads(api, 4)
    up: Any = await api.client.threads.search(sort_by=field, sort_order="asc")
    down: Any = await api.client.threads.search(sort_by=field, sort_order="desc")
    assert [thread["thread_id"] for thread in up] == [
        thread["thread_id"] for thread in reversed(down)
    ]
    assert [thread[field] for thread in up] == sorted(thread[field] for thread in up)


async def test_the_thread_used_last_comes_first_by_default(api: Api) -> None:
    first, second = await make_threads(api, 2)
    await api.client.threads.update(first, metadata={"used": True})
    found = await api.client.threads.search()
    assert [thread["thread_id"] for thread in found] == [first, second]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"metadata": {"position": 1}}, [1]),
        ({"metadata": {"nested": {"a": 1}}}, [0, 1, 2]),
        ({"metadata": {"nested": {"a": 2}}}, []),
        ({"metadata": {}}, [0, 1, 2]),
        ({"status": "idle"}, [0, 1, 2]),
        ({"status": "busy"}, []),
        ({"values": {"count": 7}}, []),
    ],
)
async def test_a_search_matches_by_containment(
    api: Api, wanted: dict[str, Any], expected: list[int]
) -> None:
    await make_threads(api, 3, nested={"a": 1, "b": [1, 2]})
    found = await api.client.threads.search(**wanted, sort_by="created_at", sort_order="asc")
    assert [thread["metadata"]["position"] for thread in found] == expected  # type: ignore[index]  # the SDK's Json may be None
    assert await api.client.threads.count(**wanted) == len(expected)


async def test_a_search_matches_values_and_skips_threads_without_any(api: Api) -> None:
    with_state, _ = await make_threads(api, 2, graph_id="counter")
    await api.client.threads.update_state(with_state, {"count": 7, "steps": 0}, as_node="step")
    found = await api.client.threads.search(values={"count": 7})
    assert [thread["thread_id"] for thread in found] == [with_state]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"stage": "two"}, True),
        ({"stage": "two", "rank": 1}, True),
        ({"rank": 1.0}, True),
        ({"nothing": None}, True),
        ({"tags": ["b"]}, True),
        ({"user": {"plan": "pro"}}, True),
        ({"stage": "two", "messages": [{"type": "ai"}]}, True),
        ({"messages": [{"type": "ai", "content": "hi"}]}, True),
        ({"stage": "three"}, False),
        ({"stage": "two", "rank": 2}, False),
        ({"stage": ["two"]}, False),
        ({"nothing": 0}, False),
        ({"stage": "two", "tags": ["c"]}, False),
        ({"messages": [{"type": "ai", "content": "bye"}]}, False),
    ],
    ids=str,
)
async def test_values_are_matched_by_containment_whatever_has_an_index(
    api: Api, wanted: dict[str, Any], found: bool
) -> None:
    first, _ = await make_threads(api, 2)
    values = {
        "stage": "two",
        "rank": 1,
        "nothing": None,
        "tags": ["a", "b"],
        "user": {"plan": "pro", "seats": 3},
        "messages": [{"type": "human", "content": "hi"}, {"type": "ai", "content": "hi"}],
    }
    pool = api.backends.pool
    await pool.execute('update threads set "values" = $2 where thread_id = $1', first, values)
    threads = await api.client.threads.search(values=wanted)
    assert [thread["thread_id"] for thread in threads] == ([first] if found else [])
    assert await api.client.threads.count(values=wanted) == int(found)


MANY = 2_500


def kind_at(position: int) -> str:
    """25 are rare, 250 frequent, 178 old, which come last in the order, and all others usual."""
    if position % 100 == 0:
        return "rare"
    if position % 10 == 5:
        return "frequent"
    return "old" if position >= 2300 else "usual"


@pytest.fixture
async def many(api: Api) -> None:
    """Interrupted threads of some kinds, each a second older than the one before."""
    await api.backends.pool.execute(
        """
        insert into threads (thread_id, status, metadata, updated_at)
        select gen_random_uuid(), 'interrupted',
               jsonb_build_object('position', n - 1, 'kind', kind), now() - n * interval '1 s'
        from unnest($1::text[]) with ordinality as kinds (kind, n)
        """,
        [kind_at(position) for position in range(MANY)],
    )


@pytest.mark.parametrize("of_a_status", [{}, {"status": "interrupted"}], ids=["any", "one"])
@pytest.mark.parametrize(
    ("kind", "offset"),
    [
        ("rare", 0),
        ("rare", 20),
        ("frequent", 0),
        ("frequent", 90),
        ("frequent", 95),
        ("frequent", 245),
        ("old", 0),
        ("old", 170),
        ("usual", 0),
        ("usual", 870),
        ("usual", 880),
        ("usual", 1200),
        ("usual", 2040),
        ("usual", 3000),
    ],
)
async def test_a_page_of_many_matches_is_the_same_when_it_is_known_how_many(
    api: Api, many: None, kind: str, offset: int, of_a_status: dict[str, str]
) -> None:
    matching = [position for position in range(MANY) if kind_at(position) == kind]
    body = {"metadata": {"kind": kind}, "offset": offset, **of_a_status}
    for _ in range(3):
        page = await api.http.post("/threads/search", json=body)
        found = [thread["metadata"]["position"] for thread in page.json()]
        assert found == matching[offset : offset + 10]
        counted_up_to = offset + 10 + COUNTED_BEYOND_PAGE
        assert page.headers["x-pagination-total"] == str(min(len(matching), counted_up_to))


async def test_threads_are_found_by_their_ids(api: Api) -> None:
    _, second, third = await make_threads(api, 3)
    found = await api.client.threads.search(ids=[second, third, str(uuid4())])
    assert {thread["thread_id"] for thread in found} == {second, third}


async def test_only_what_is_selected_is_sent(api: Api) -> None:
    await make_threads(api, 1)
    (found,) = await api.client.threads.search(select=["thread_id", "values"])
    assert found.keys() == {"thread_id", "values"}


async def test_values_are_extracted_by_path(api: Api) -> None:
    (thread_id,) = await make_threads(api, 1, tags=["a", {"deep": "b"}])
    (found,) = await api.client.threads.search(
        select=["thread_id"],
        extract={
            "last": "metadata.tags[-1].deep",
            "first": "metadata.tags[0]",
            "missing": "values.nothing[3].here",
            "whole": "metadata",
        },
    )
    extracted = found["extracted"]
    assert extracted["whole"].pop("tags")
    assert extracted == {
        "last": "b",
        "first": "a",
        "missing": None,
        "whole": {"position": 0},
    }
    assert found["thread_id"] == thread_id


@pytest.mark.parametrize(
    "extract",
    [
        {"status": "metadata.a"},
        {"a b": "metadata.a"},
        {"a": "runs.a"},
        {"a": "metadata..a"},
        {"a": "metadata[x]"},
        {"a": "valuesx.b"},
        {f"a{n}": "metadata" for n in range(11)},
    ],
)
async def test_a_malformed_extract_is_refused(api: Api, extract: dict[str, str]) -> None:
    with pytest.raises(UnprocessableEntityError, match="extract"):
        await api.client.threads.search(extract=extract)


async def test_a_deleted_thread_is_gone_with_its_runs_and_checkpoints(api: Api) -> None:
    (thread_id,) = await make_threads(api, 1, graph_id="echo")
    await api.client.threads.update_state(thread_id, {"text": "x"}, as_node="echo")
    run = await api.client.runs.create(thread_id, "echo", input={"text": "y"})
    await api.client.threads.delete(thread_id)
    with pytest.raises(NotFoundError):
        await api.client.threads.get(thread_id)
    with pytest.raises(NotFoundError):
        await api.client.runs.get(thread_id, run["run_id"])
    pool = api.backends.pool
    for table in ("runs", "checkpoints", "checkpoint_writes", "checkpoint_parts"):
        assert await pool.fetchval(f"select count(*) from {table}") == 0


async def test_a_thread_made_again_counts_its_events_on(api: Api) -> None:
    thread_id = str(uuid4())
    epochs = []
    for _ in range(2):
        await api.client.threads.create(thread_id=thread_id)
        epochs.append(await api.backends.pool.fetchval("select epoch from threads"))
        await api.client.threads.delete(thread_id)
    assert epochs[0] < epochs[1]


async def test_a_copy_has_the_state_and_a_life_of_its_own(api: Api) -> None:
    (thread_id,) = await make_threads(api, 1, graph_id="counter")
    await api.client.threads.update_state(thread_id, {"count": 2, "steps": 0}, as_node="step")
    await api.client.threads.copy(thread_id)
    (copy,) = [
        thread for thread in await api.client.threads.search() if thread["thread_id"] != thread_id
    ]
    assert copy["metadata"] == {"position": 0, "graph_id": "counter"}
    assert copy["values"] == {"count": 2, "steps": 0}
    await api.client.threads.update_state(copy["thread_id"], {"count": 1}, as_node="step")
    copied = await api.client.threads.get_state(copy["thread_id"])
    original = await api.client.threads.get_state(thread_id)
    assert (copied["values"]["count"], original["values"]["count"]) == (3, 2)  # type: ignore[call-overload]  # the SDK's values may be a list


async def test_pruning_deletes_threads_and_counts_them(api: Api) -> None:
    first, second, third = await make_threads(api, 3)
    pruned = await api.client.threads.prune([first, second, str(uuid4())])
    assert pruned["pruned_count"] == 2
    assert [thread["thread_id"] for thread in await api.client.threads.search()] == [third]


async def test_pruning_to_the_latest_keeps_the_state(api: Api) -> None:
    (thread_id,) = await make_threads(api, 1, graph_id="counter")
    for _ in range(3):
        await api.client.threads.update_state(thread_id, {"count": 1, "steps": 0}, as_node="step")
    pruned = await api.client.threads.prune([thread_id], strategy="keep_latest")
    assert pruned["pruned_count"] == 1
    history = await api.client.threads.get_history(thread_id)
    assert [state["values"]["count"] for state in history] == [3]  # type: ignore[call-overload]  # the SDK's values may be a list


NOBODY = "00000000-0000-4000-8000-000000000000"


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(depth):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", f"/threads/{NOBODY}", None, 404),
        ("PATCH", f"/threads/{NOBODY}", {}, 404),
        ("DELETE", f"/threads/{NOBODY}", None, 404),
        ("POST", f"/threads/{NOBODY}/copy", None, 404),
        ("GET", "/threads/zz", None, 422),
        ("PATCH", "/threads/zz", {}, 422),
        ("DELETE", "/threads/zz", None, 422),
        ("POST", "/threads/zz/copy", None, 422),
        ("POST", "/threads", {"thread_id": "zz"}, 422),
        ("POST", "/threads", {"metadata": []}, 422),
        ("POST", "/threads", {"if_exists": "maybe"}, 422),
        ("POST", "/threads", {"ttl": 0}, 422),
        ("POST", "/threads", {"ttl": 1e300}, 422),
        ("POST", "/threads", {"metadata": nested(900)}, 422),
        ("POST", "/threads", {"ttl": {"ttl": 1, "strategy": "burn"}}, 422),
        ("POST", "/threads", {"supersteps": [{"updates": []}]}, 422),
        ("POST", "/threads", [], 422),
        ("POST", "/threads/search", {"limit": 0}, 422),
        ("POST", "/threads/search", {"limit": 1001}, 422),
        ("POST", "/threads/search", {"limit": "10"}, 422),
        ("POST", "/threads/search", {"offset": -1}, 422),
        ("POST", "/threads/search", {"offset": 2**70}, 422),
        ("POST", "/threads/search", {"status": "asleep"}, 422),
        ("POST", "/threads/search", {"sort_by": "values"}, 422),
        ("POST", "/threads/search", {"sort_order": "up"}, 422),
        ("POST", "/threads/search", {"select": ["secrets"]}, 422),
        ("POST", "/threads/search", {"ids": ["zz"]}, 422),
        ("POST", "/threads/prune", {}, 422),
        ("POST", "/threads/prune", {"thread_ids": [], "strategy": "half"}, 422),
        ("PUT", f"/threads/{NOBODY}", {}, 405),
    ],
)
async def test_a_bad_request_is_told_so(
    api: Api, method: str, path: str, body: Any, status: int
) -> None:
    response = await api.http.request(method, path, json=body)
    assert response.status_code == status
    assert response.json()["detail"]


async def test_nul_characters_do_not_reach_postgres(api: Api) -> None:
    created = await api.http.post(
        "/threads", content=r'{"metadata": {"a\u0000": "b\u0000", "c": "\\u0000"}}'
    )
    assert created.json()["metadata"] == {"a\ufffd": "b\ufffd", "c": "\\u0000"}


async def test_metadata_only_the_server_may_set_is_dropped(api: Api) -> None:
    thread = await api.client.threads.create(metadata={"assistant_id": "x", "mine": 1})
    assert thread["metadata"] == {"mine": 1}
