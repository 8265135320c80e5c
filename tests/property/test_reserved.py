"""Keys that only the server may set, for any JSON a client may send."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from joinstream.domain.reserved import (
    RESERVED_CONFIGURABLE,
    RESERVED_METADATA,
    client_config,
    client_configurable,
    client_metadata,
)

keys = st.one_of(
    st.text(max_size=5), st.sampled_from(sorted(RESERVED_CONFIGURABLE | RESERVED_METADATA))
)
objects = st.dictionaries(
    keys, st.one_of(st.none(), st.integers(), st.dictionaries(keys, st.none()))
)


@given(objects)
def test_everything_but_reserved_keys_is_kept_as_it_is(given_object: dict[str, Any]) -> None:
    configurable = client_configurable(given_object)
    assert configurable.keys() == given_object.keys() - RESERVED_CONFIGURABLE
    metadata = client_metadata(given_object)
    assert metadata.keys() == given_object.keys() - RESERVED_METADATA
    assert all(given_object[key] == value for key, value in {**configurable, **metadata}.items())


@given(objects, objects)
def test_a_config_is_cleaned_inside_and_not_changed_in_place(
    configurable: dict[str, Any], metadata: dict[str, Any]
) -> None:
    config = {"configurable": configurable, "metadata": metadata, "tags": ["a"]}
    before = {"configurable": dict(configurable), "metadata": dict(metadata), "tags": ["a"]}
    cleaned = client_config(config)
    assert not cleaned["configurable"].keys() & RESERVED_CONFIGURABLE
    assert not cleaned["metadata"].keys() & RESERVED_METADATA
    assert cleaned["tags"] == ["a"]
    assert config == before
