"""What all request bodies share.

Unknown keys are ignored, types are strict (`"10"` is no integer), and `null` is the same as absent.
"""

from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from joinstream.domain.reserved import client_config, client_configurable, client_metadata


class Body(BaseModel):
    """Base of every request body."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        return {key: value for key, value in given.items() if value is not None}


Id = Annotated[UUID, Field(strict=False)]
"""A UUID, given as text."""

Object = dict[str, Any]
"""A JSON object."""

Metadata = Annotated[Object, AfterValidator(client_metadata)]
"""Metadata that is written: without the keys that the server sets itself."""

Config = Annotated[Object, AfterValidator(client_config)]
"""A RunnableConfig as JSON, without the keys that the server sets itself."""

Context = Annotated[Object, AfterValidator(client_configurable)]
"""A run's context, without the keys that the server sets itself."""

Limit = Annotated[int, Field(ge=1, le=1000)]
Offset = Annotated[int, Field(ge=0, le=2**63 - 1)]
