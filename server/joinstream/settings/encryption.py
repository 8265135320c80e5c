"""The settings of encryption."""

from collections.abc import Iterator
from typing import Annotated, Any, Self

from pydantic import SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from joinstream.domain.reserved import SERVERS_OWN
from joinstream.settings.section import Section, variable

_KEY_BYTES = (16, 24, 32)


class Encryption(Section):
    """AES for what is stored. All processes need the same. For handlers of your own, see
    `encryption` in `langgraph.json`."""

    langgraph_aes_key: SecretStr | None = variable(
        "LANGGRAPH_AES_KEY",
        default=None,
        description="""Key of 16, 24 or 32 bytes with which the values in checkpoints are encrypted;
        needs the extra `encryption`. What was stored before it was set stays readable.""",
    )
    langgraph_aes_json_keys: Annotated[tuple[str, ...], NoDecode] = variable(
        "LANGGRAPH_AES_JSON_KEYS",
        default=(),
        description="""Keys, separated by commas, whose values are encrypted too wherever they stand
        in the JSON of assistants, threads, runs, crons and store items.""",
    )
    langgraph_aes_fallback_keys: Annotated[tuple[SecretStr, ...], NoDecode] = variable(
        "LANGGRAPH_AES_FALLBACK_KEYS",
        default=(),
        description="""Other AES keys, separated by commas, that only decrypt what they once
        encrypted: the former key, and before a change of keys the next one.""",
    )

    langgraph_aes_legacy_key: SecretStr | None = variable(
        "LANGGRAPH_AES_LEGACY_KEY", default=None, description="One more of those keys."
    )

    @property
    def aes_keys(self) -> list[bytes]:
        """The one that encrypts, then those that only decrypt; empty without the first."""
        if self.langgraph_aes_key is None:
            return []
        keys = (
            self.langgraph_aes_key,
            *self.langgraph_aes_fallback_keys,
            self.langgraph_aes_legacy_key,
        )
        return [key.get_secret_value().encode() for key in keys if key is not None]

    @field_validator("langgraph_aes_json_keys", "langgraph_aes_fallback_keys", mode="before")
    @classmethod
    def _split_lists(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return tuple(part.strip() for part in value.split(",") if part.strip())

    @field_validator("langgraph_aes_json_keys")
    @classmethod
    def _leave_the_servers_own(cls, keys: tuple[str, ...]) -> tuple[str, ...]:
        taken = [key for key in keys if key in SERVERS_OWN or key.startswith("__")]
        if taken:
            raise ValueError(f"{', '.join(taken)} cannot be encrypted: the server needs to read it")
        return keys

    @field_validator("langgraph_aes_key", "langgraph_aes_fallback_keys", "langgraph_aes_legacy_key")
    @classmethod
    def _are_aes_keys(cls, value: Any) -> Any:
        for size in _sizes(value):
            if size not in _KEY_BYTES:
                raise ValueError(f"must be 16, 24 or 32 bytes long, not {size}")
        return value

    @model_validator(mode="after")
    def _need_the_key(self) -> Self:
        if self.langgraph_aes_key is None and (
            self.langgraph_aes_json_keys or self.langgraph_aes_fallback_keys
        ):
            raise ValueError(
                "LANGGRAPH_AES_JSON_KEYS and LANGGRAPH_AES_FALLBACK_KEYS need LANGGRAPH_AES_KEY"
            )
        return self


def _sizes(value: SecretStr | tuple[SecretStr, ...] | None) -> Iterator[int]:
    keys = value if isinstance(value, tuple) else (value,)
    for key in keys:
        if key is not None:
            yield len(key.get_secret_value().encode())
