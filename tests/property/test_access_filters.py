"""Compiled filters, matched by Postgres, say the same as the filters they were compiled from."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from joinstream.domain.access import MAX_DOCUMENTS, compile_filter
from joinstream.store.pool import create_pool

KEYS = st.sampled_from(["owner", "team", "tags"])
SCALARS = st.sampled_from(["a", "b", "", 0, 1, True, False, None])
METADATA = st.dictionaries(KEYS, SCALARS | st.lists(SCALARS, max_size=3), max_size=3)
CONDITIONS = (
    SCALARS
    | st.builds(lambda value: {"$eq": value}, SCALARS)
    | st.builds(lambda value: {"$contains": value}, SCALARS | st.lists(SCALARS, max_size=2))
)
PLAIN = st.dictionaries(KEYS, CONDITIONS, max_size=2)
FILTERS = st.recursive(
    PLAIN,
    lambda inner: st.builds(
        lambda plain, operator, parts: {**plain, operator: parts},
        PLAIN,
        st.sampled_from(["$or", "$and"]),
        st.lists(inner, min_size=1, max_size=3),
    ),
    max_leaves=4,
)


def allows(filter: Mapping[str, Any], metadata: Mapping[str, Any]) -> bool:
    """What a filter means, read off its definition."""
    return all(_holds(key, condition, metadata) for key, condition in filter.items())


def _holds(key: str, condition: Any, metadata: Mapping[str, Any]) -> bool:
    if key == "$or":
        return any(allows(part, metadata) for part in condition)
    if key == "$and":
        return all(allows(part, metadata) for part in condition)
    if key not in metadata:
        return False
    if not isinstance(condition, Mapping):
        return _equal(metadata[key], condition)
    if "$eq" in condition:
        return _equal(metadata[key], condition["$eq"])
    wanted = condition["$contains"]
    wanted = wanted if isinstance(wanted, list) else [wanted]
    held = metadata[key]
    return isinstance(held, list) and all(
        any(_equal(item, value) for item in held) for value in wanted
    )


def _equal(one: Any, other: Any) -> bool:
    """As in JSON, where true is not 1."""
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


@pytest.fixture(scope="module")
async def pool(postgres: Any) -> AsyncIterator[asyncpg.Pool]:
    uri = await postgres.fresh_database(migrated=False)
    pool = await create_pool(uri)
    yield pool
    await pool.close()
    await postgres.drop_database(uri)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(filter=FILTERS, metadatas=st.lists(METADATA, min_size=1, max_size=5))
async def test_postgres_and_the_definition_agree(
    pool: asyncpg.Pool, filter: dict[str, Any], metadatas: list[dict[str, Any]]
) -> None:
    documents = compile_filter(filter)
    rows = await pool.fetch(
        "select $1::jsonb[] is null or metadata @> any ($1) as allowed "
        "from unnest($2::jsonb[]) with ordinality as given (metadata, place) order by place",
        documents,
        metadatas,
    )
    assert [row["allowed"] for row in rows] == [allows(filter, given) for given in metadatas]


def test_a_filter_that_nothing_can_satisfy_lets_nothing_pass() -> None:
    assert compile_filter({"$and": [{"owner": "a"}, {"owner": "b"}]}) == ()


def test_a_filter_with_too_many_alternatives_is_refused() -> None:
    alternatives = {"$or": [{"k": str(n)} for n in range(MAX_DOCUMENTS)]}
    assert compile_filter(alternatives) is not None
    with pytest.raises(ValueError, match="alternatives"):
        compile_filter({"$and": [alternatives, {"$or": [{"other": "a"}, {"other": "b"}]}]})
