"""What all request bodies share.

Unknown keys are ignored, types are strict (`"10"` is no integer), and `null` is the same as absent
wherever a default exists.
"""

from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from joinstream.domain.reserved import client_config, client_configurable, client_metadata


class Body(BaseModel):
    """Base of every request body."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)


Id = Annotated[UUID, Field(strict=False)]
"""A UUID, given as text."""

NullAsEmpty = BeforeValidator(lambda value: {} if value is None else value)

Object = Annotated[dict[str, Any], NullAsEmpty]
"""A JSON object; null is `{}`."""

Metadata = Annotated[Object, AfterValidator(client_metadata)]
"""Metadata that is written: without the keys that the server sets itself."""

Config = Annotated[Object, AfterValidator(client_config)]
"""A RunnableConfig as JSON, without the keys that the server sets itself."""

Context = Annotated[Object, AfterValidator(client_configurable)]
"""A run's context, without the keys that the server sets itself."""

Limit = Annotated[int, Field(ge=1, le=1000)]
Offset = Annotated[int, Field(ge=0)]
