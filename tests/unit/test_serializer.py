"""What `checkpointer.serde`, `encryption` and LANGGRAPH_AES_KEY may say, and what follows."""

import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from pydantic import BaseModel

from joinstream.encryption.configured import configured_ciphers
from joinstream.errors import StartupError
from joinstream.serializer import checkpoint_serializer
from joinstream.settings import load_settings
from tests.support.project_files import ProjectFiles, project_files

HANDLERS = """
from langgraph_sdk.encryption import Encryption

encryption = Encryption()
incomplete = Encryption()
other = object()


@encryption.encrypt.blob
@incomplete.encrypt.blob
async def encrypt(ctx, blob):
    return blob[::-1]


@encryption.decrypt.blob
async def decrypt(ctx, blob):
    return blob[::-1]
"""


class Order(BaseModel):
    """A project's own class."""

    number: int


class Unpackable:
    """What msgpack does not know."""

    def __init__(self, text: str) -> None:
        self.text = text


@pytest.fixture
def files(tmp_path: Path) -> Iterator[ProjectFiles]:
    with project_files(tmp_path) as files:
        files.write("agent.py")
        yield files


def serializer(files: ProjectFiles, *, key: str | None = None, **sections: Any) -> Any:
    project = files.load(graphs={"agent": "./agent.py:graph"}, **sections)
    ciphers = configured_ciphers(load_settings(langgraph_aes_key=key), project)
    return checkpoint_serializer(project, ciphers)


def with_options(files: ProjectFiles, **options: Any) -> Any:
    return serializer(files, checkpointer={"serde": options})


def round_trip(serde: Any, value: Any) -> Any:
    return serde.loads_typed(serde.dumps_typed(value))


def test_values_msgpack_does_not_know_are_pickled_unless_that_is_switched_off(
    files: ProjectFiles,
) -> None:
    assert round_trip(serializer(files), Unpackable("x")).text == "x"
    with pytest.raises(TypeError):
        with_options(files, pickle_fallback=False).dumps_typed(Unpackable("x"))


def test_what_was_pickled_is_not_read_when_pickling_is_switched_off(files: ProjectFiles) -> None:
    pickled = serializer(files).dumps_typed(Unpackable("x"))
    assert pickled[0] == "pickle"
    with pytest.raises(NotImplementedError):
        with_options(files, pickle_fallback=False).loads_typed(pickled)


@pytest.mark.parametrize(
    ("allowed", "made"),
    [
        (True, True),
        ([[Order.__module__, "Order"]], True),
        ([["elsewhere", "Order"]], False),
        (None, False),
    ],
)
def test_only_allowed_classes_are_made_of_msgpack(
    files: ProjectFiles, allowed: Any, made: bool
) -> None:
    found = round_trip(with_options(files, allowed_msgpack_modules=allowed), Order(number=7))
    assert found == (Order(number=7) if made else {"number": 7})


@pytest.mark.parametrize(
    ("allowed", "made"),
    [(True, True), ([["fractions", "Fraction"]], True), ([["elsewhere", "X"]], False)],
)
def test_only_allowed_classes_are_made_of_json(
    files: ProjectFiles, allowed: Any, made: bool
) -> None:
    stored = b'{"lc":2,"type":"constructor","id":["fractions","Fraction"],"args":[1,2]}'
    found = with_options(files, allowed_json_modules=allowed).loads_typed(("json", stored))
    assert (found == Fraction(1, 2)) is made


@pytest.mark.parametrize(
    ("options", "explanation"),
    [
        ({"allowed_msgpack_modules": "all"}, "checkpointer.serde.allowed_msgpack_modules: must be"),
        ({"allowed_json_modules": ["a.b"]}, "checkpointer.serde.allowed_json_modules: must be"),
        ({"pickle_fallback": "perhaps"}, "checkpointer.serde.pickle_fallback: must be true or"),
        ({"pickle": True}, "checkpointer.serde.pickle: there is no such option; use allowed_json"),
    ],
)
def test_a_wrong_option_is_named_with_what_would_be_right(
    files: ProjectFiles, options: Any, explanation: str
) -> None:
    with pytest.raises(StartupError) as caught:
        with_options(files, **options)
    assert str(caught.value).startswith(explanation)


def test_options_hold_inside_of_encryption_too(files: ProjectFiles) -> None:
    serde = serializer(
        files, key="0123456789abcdef", checkpointer={"serde": {"allowed_msgpack_modules": None}}
    )
    assert isinstance(serde, EncryptedSerializer)
    assert round_trip(serde, Order(number=7)) == {"number": 7}


@pytest.mark.parametrize("size", [16, 24, 32])
def test_a_key_encrypts_as_langgraphs_own_serializer_does(files: ProjectFiles, size: int) -> None:
    key = "k" * size
    own = EncryptedSerializer.from_pycryptodome_aes(key=key.encode())
    ours = serializer(files, key=key)
    assert own.loads_typed(ours.dumps_typed(["x"])) == ["x"]
    assert ours.loads_typed(own.dumps_typed(["x"])) == ["x"]


def test_a_key_of_another_length_is_refused_without_being_shown(files: ProjectFiles) -> None:
    with pytest.raises(StartupError) as caught:
        serializer(files, key="hush-hush")
    assert str(caught.value) == (
        "LANGGRAPH_AES_KEY cannot be used: must be 16, 24 or 32 bytes long, not 9."
    )


def test_a_key_without_pycryptodome_is_answered_with_how_to_install_it(
    files: ProjectFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "Crypto.Cipher", None)
    with pytest.raises(StartupError, match=r"pip install 'joinstream\[encryption\]'"):
        serializer(files, key="k" * 16)


def test_the_projects_handlers_encrypt(files: ProjectFiles) -> None:
    files.write("vault.py", HANDLERS)
    serde = serializer(files, encryption={"path": "./vault.py:encryption"})
    kind, data = serde.dumps_typed("treasure")
    assert kind == "msgpack+custom"
    assert data.startswith(b"erusaert")
    assert serde.loads_typed((kind, data)) == "treasure"


@pytest.mark.parametrize(
    ("section", "explanation"),
    [
        ({}, "encryption: `path` is missing"),
        ({"path": "./vault.py:other"}, "is object, not a langgraph_sdk.Encryption"),
        ({"path": "./vault.py:incomplete"}, "there is no @encryption.decrypt.blob handler"),
    ],
)
def test_handlers_that_cannot_be_used_stop_the_start(
    files: ProjectFiles, section: Any, explanation: str
) -> None:
    files.write("vault.py", HANDLERS)
    with pytest.raises(StartupError, match=explanation):
        serializer(files, encryption=section)
