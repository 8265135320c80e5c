"""Configs in paths, as LangServe's own code packs them."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joinstream.langserve_api.path_config import unpacked
from tests.support.langserve import packed


@given(st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"])))
def test_every_text_is_unpacked(text: str) -> None:
    assert unpacked(packed(text)) == text


@given(st.text("ab", max_size=2000))
def test_so_is_text_that_repeats_itself(text: str) -> None:
    assert unpacked(packed(text)) == text


@given(st.text("ABCQZaz0189+-$ !é", max_size=50))
def test_anything_else_is_text_too_or_a_value_error(text: str) -> None:
    with suppress(ValueError):
        assert isinstance(unpacked(text), str)


def test_what_would_be_endless_is_refused() -> None:
    with pytest.raises(ValueError, match="too long"):
        unpacked(packed(json.dumps({"configurable": {"text": "a" * 200_000}})))
