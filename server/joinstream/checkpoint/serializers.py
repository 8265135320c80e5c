"""The serializer of all checkpoints, as the project and the settings want it."""

from typing import Annotated, Any, Literal

from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph_sdk.encryption import Encryption
from pydantic import BaseModel, ConfigDict, Field

from joinstream.checkpoint.ciphers import CiphersByName, HandlerCipher
from joinstream.encryption.aes import AesCipher
from joinstream.encryption.handlers import has_handlers

_Name = Annotated[tuple[str, ...], Field(min_length=2)]
"""A class by the parts of its name, such as `["my_package.models", "Order"]`."""

Allowed = tuple[_Name, ...] | Literal[True] | None
"""Which classes may be made of what is read: these, all, or only those known to be harmless."""


class SerdeConfig(BaseModel):
    """`checkpointer.serde` of `langgraph.json`. What is left out is as LangGraph has it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    allowed_json_modules: Allowed = None
    allowed_msgpack_modules: Allowed = None
    pickle_fallback: bool = True


def make_serializer(
    config: SerdeConfig, *, aes: AesCipher | None = None, encryption: Encryption | None = None
) -> SerializerProtocol:
    """LangGraph's serializer, within its encryption when there is a key or a handler.

    With both, the handlers encrypt, and the key is for what was encrypted with it earlier.
    Raises StartupError.
    """
    options: dict[str, Any] = config.model_dump(exclude_unset=True)
    serializer = JsonPlusSerializer(**{"pickle_fallback": config.pickle_fallback, **options})
    ciphers: list[AesCipher | HandlerCipher] = []
    if encryption is not None and has_handlers(encryption, "blob"):
        ciphers.append(HandlerCipher(encryption))
    if aes is not None:
        ciphers.append(aes)
    return EncryptedSerializer(CiphersByName(*ciphers), serializer) if ciphers else serializer
