"""Marks around what a cipher has changed, what handlers may answer, and which keys stay plain."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langgraph_sdk.encryption import Encryption
from langgraph_sdk.encryption.types import DecryptResult

from joinstream.domain.extract import parse_extracts, picked
from joinstream.domain.reserved import SERVERS_OWN
from joinstream.encryption.aes import AesCipher
from joinstream.encryption.context import encrypting_for, filters_by
from joinstream.encryption.fields import FieldCipher
from joinstream.encryption.json_ciphers import AesJsonCipher, HandlerJsonCipher
from joinstream.errors import EncryptionFailed, StartupError, Unprocessable
from joinstream.settings import load_settings

KEY = b"0123456789abcdef"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "secret", "__encrypted__"]), inner, max_size=3)
        | inner.map(lambda value: {"__encrypted__": ["custom", None, value]})
    ),
    max_leaves=12,
)


def by_aes(*keys: str) -> FieldCipher:
    cipher = AesJsonCipher(AesCipher(KEY), frozenset(keys))
    return FieldCipher(cipher, {"aes": cipher})


def by_handlers(
    encrypt: Callable[[dict[str, Any]], Any], decrypt: Callable[[dict[str, Any]], Any]
) -> FieldCipher:
    encryption = Encryption()

    @encryption.encrypt.json
    async def encrypt_json(ctx: Any, data: dict[str, Any]) -> Any:
        return encrypt(data)

    @encryption.decrypt.json
    async def decrypt_json(ctx: Any, data: dict[str, Any]) -> Any:
        return decrypt(data)

    cipher = HandlerJsonCipher(encryption)
    return FieldCipher(cipher, {"custom": cipher})


def reversing() -> FieldCipher:
    """Handlers that turn around every text at the top but `plain`, and look into objects."""

    def turned(data: dict[str, Any]) -> dict[str, Any]:
        return {
            key: value[::-1]
            if isinstance(value, str) and key != "plain"
            else turned(value)
            if isinstance(value, dict)
            else value
            for key, value in data.items()
        }

    return by_handlers(turned, turned)


@given(JSON)
async def test_whatever_is_sealed_opens_again(value: Any) -> None:
    # Postgres has no U+0000, here as without encryption
    expected = _without_nul(value)
    only_reading = FieldCipher(None, by_aes().reading)
    for fields in (by_aes("secret"), by_aes("values"), reversing(), only_reading):
        sealed = await fields.seal("thread", "values", value)
        assert await fields.open("thread", "values", sealed) == expected


def _without_nul(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\0", "\ufffd")
    if isinstance(value, list):
        return [_without_nul(each) for each in value]
    if isinstance(value, dict):
        return {key: _without_nul(each) for key, each in value.items()}
    return value


async def test_only_what_a_handler_changed_is_marked_however_deep_it_lies() -> None:
    sealed = await reversing().seal("thread", "metadata", {"a": {"plain": "x", "b": "yz"}, "n": 1})
    assert sealed == {"a": {"plain": "x", "b": {"__encrypted__": ["custom", None, "zy"]}}, "n": 1}


async def test_values_sealed_in_two_contexts_open_in_their_own() -> None:
    seen: list[Any] = []
    fields = reversing()
    merged: dict[str, Any] = {}
    for tenant in ("red", "blue"):
        with encrypting_for({"tenant": tenant}):
            merged |= await fields.seal("thread", "metadata", {tenant: "abc"})
    cipher = fields.reading["custom"]

    class Watching:
        name = "custom"
        encrypt = cipher.encrypt

        async def decrypt(self, document: Any, model: str, field: str, context: Any) -> Any:
            seen.append((context, list(document)))
            return await cipher.decrypt(document, model, field, context)

    opened = await FieldCipher(None, {"custom": Watching()}).open("run", "metadata", merged)
    assert opened == {"red": "abc", "blue": "abc"}
    assert seen == [({"tenant": "red"}, ["red"]), ({"tenant": "blue"}, ["blue"])]


async def test_a_replacement_that_a_handler_offers_is_no_obstacle() -> None:
    fields = by_handlers(
        lambda data: dict.fromkeys(data, "new"),
        lambda data: DecryptResult(dict.fromkeys(data, "plain"), replacement=data),
    )
    sealed = await fields.seal("store", "value", {"a": "plain"})
    assert await fields.open("store", "value", sealed) == {"a": "plain"}


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        ({}, "must answer with the keys it was given, 'a'; it answered with "),
        ({"a": 1, "b": 2}, "it answered with 'a', 'b'"),
        ("text", "it answered with str"),
        ({"a": object()}, "must answer with JSON"),
        ({"a": "\0"}, "U+0000, which Postgres cannot hold"),
    ],
)
async def test_what_a_handler_must_not_answer(answer: Any, complaint: str) -> None:
    with pytest.raises(EncryptionFailed) as failed:
        await by_handlers(lambda _: answer, dict).seal("run", "input", {"a": "x"})
    assert complaint in str(failed.value)


async def test_a_handler_that_raises_is_named_with_what_it_said() -> None:
    def refuse(_: Any) -> Any:
        raise PermissionError("the vault is closed")

    with pytest.raises(
        EncryptionFailed, match=r"run input could not be encrypted .* PermissionError: the vault"
    ):
        await by_handlers(refuse, refuse).seal("run", "input", {"a": "x"})


async def test_the_servers_own_keys_are_never_shown_to_a_handler_but_a_users_are() -> None:
    own = dict.fromkeys((*SERVERS_OWN, "__anything__"), "value")
    fields = reversing()
    assert await fields.seal("thread", "metadata", own) == own
    sealed = await fields.seal("run", "kwargs", {"config": {"configurable": own}, "x": "y"})
    assert sealed == {"config": {"configurable": own}, "x": "y"}
    assert await fields.seal("run", "input", {"run_id": "ab"}) != {"run_id": "ab"}
    steps = {"source": "loop", "step": 1, "parents": {}}
    assert await fields.seal("checkpoint", "metadata", steps) == steps


async def test_a_key_that_is_filtered_by_must_stay_plain() -> None:
    with encrypting_for(None):
        filters_by({"owner", "plain"})
        await reversing().seal("thread", "metadata", {"plain": "ann", "b": "c"})
        with pytest.raises(EncryptionFailed, match="'owner' must not be encrypted"):
            await reversing().seal("thread", "metadata", {"owner": "ann"})


async def test_what_is_nested_too_deeply_is_the_clients_mistake() -> None:
    value: Any = "x"
    for _ in range(900):
        value = [value]
    with pytest.raises(Unprocessable, match="input: cannot be stored: Recursion limit"):
        await by_aes("secret").seal("run", "input", {"a": value})


async def test_what_nothing_here_can_open_is_told_with_what_to_set() -> None:
    sealed = await by_aes("a").seal("run", "input", {"a": "x"})
    with pytest.raises(EncryptionFailed, match="set LANGGRAPH_AES_KEY"):
        await FieldCipher(None, {}).open("run", "input", sealed)
    other = AesJsonCipher(AesCipher(b"f" * 16), frozenset())
    with pytest.raises(EncryptionFailed, match="not the key"):
        await FieldCipher(None, {"aes": other}).open("run", "input", sealed)
    rotated = AesJsonCipher(AesCipher(b"f" * 16, [KEY]), frozenset())
    assert await FieldCipher(None, {"aes": rotated}).open("run", "input", sealed) == {"a": "x"}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("values", {"a": [1, {"b": 2}], "0": "x"}),
        ("values.a[-1].b", 2),
        ("values.a[5]", None),
        ("values.a.b", None),
        ("values[0]", "x"),
        ("values.a[0].c", None),
    ],
)
def test_extracts_are_picked_as_postgres_picks_them(path: str, found: Any) -> None:
    (extract,) = parse_extracts({"it": path})
    assert picked(extract, {"a": [1, {"b": 2}], "0": "x"}) == found


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"langgraph_aes_json_keys": "a"}, "need LANGGRAPH_AES_KEY"),
        ({"langgraph_aes_key": "k" * 16, "langgraph_aes_json_keys": "a, run_id"}, "run_id cannot"),
        ({"langgraph_aes_key": "k" * 16, "langgraph_aes_fallback_keys": "hush"}, "not 4"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, str], complaint: str) -> None:
    with pytest.raises(StartupError, match=complaint) as caught:
        load_settings(**settings)
    assert "hush" not in str(caught.value)
