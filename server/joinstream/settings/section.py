"""What every class of settings is made with."""

from typing import Any

from pydantic import AliasChoices, Field
from pydantic_settings import BaseSettings, SettingsConfigDict


def variable(name: str, *older_names: str, default: Any, description: str) -> Any:
    """A field set by the environment variable `name`, or by one of its other names."""
    return Field(
        default=default,
        validation_alias=AliasChoices(name, *older_names),
        description=" ".join(description.split()),
    )


class Section(BaseSettings):
    """Some settings that belong together: a heading of `docs/settings.md`."""

    model_config = SettingsConfigDict(
        case_sensitive=True,
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        populate_by_name=True,
    )
