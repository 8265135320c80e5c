"""What all request bodies, and all queries, share. Unknown keys are ignored in both."""

from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Any, ClassVar, get_origin
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema
from typing_extensions import TypedDict

from joinstream.domain.reserved import client_config, client_configurable, client_metadata


class Body(BaseModel):
    """Base of every request body.

    Types are strict (`"10"` is no integer), and `null` is the same as absent, unless the body says
    that it means something.
    """

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)
    null_means: ClassVar[frozenset[str]] = frozenset()
    """Keys that are not absent when they are null."""

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        return {
            key: value for key, value in given.items() if value is not None or key in cls.null_means
        }

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Every field that may be absent may also be null."""
        reference = handler(core_schema)
        schema = handler.resolve_ref_schema(reference)
        for name in schema["properties"].keys() - schema.get("required", ()):
            schema["properties"][name] = _or_null(schema["properties"][name])
        return reference


_NULL = {"type": "null"}


def _or_null(schema: JsonSchemaValue) -> JsonSchemaValue:
    kinds = schema.get("anyOf", [schema])
    if _NULL in kinds or not schema.keys() & {"anyOf", "type", "$ref", "enum", "const"}:
        return schema
    about: dict[str, Any] = {
        key: schema[key] for key in ("title", "description", "default") if key in schema
    }
    bare = [{key: value for key, value in kind.items() if key not in about} for kind in kinds]
    return {**about, "anyOf": [*bare, _NULL]}


class Query(BaseModel):
    """Base of the parameters in the query of a request. Their text is read as what they are."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    keeps_empty: ClassVar[frozenset[str]] = frozenset()
    """The parameters of which an empty value means something."""

    @classmethod
    @cache
    def lists(cls) -> frozenset[str]:
        """The parameters that may be given several times."""
        fields = cls.model_fields.items()
        return frozenset(name for name, field in fields if get_origin(field.annotation) is list)


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except OverflowError:
        raise ValueError("is beyond the years that can be counted") from None


def _as_text(given: Any) -> Any:
    if not isinstance(given, str):
        raise ValueError("must be a moment as ISO-8601")
    return given


Moment = Annotated[
    datetime, Field(strict=False), BeforeValidator(_as_text), AfterValidator(_in_utc)
]
"""A moment as ISO-8601; without an offset it is UTC."""

Id = Annotated[UUID, Field(strict=False)]
"""A UUID, given as text."""

Object = dict[str, Any]
"""A JSON object."""

Metadata = Annotated[Object, AfterValidator(client_metadata)]
"""Metadata that is written: without the keys that the server sets itself."""


class _Shape:
    """Has the values of a field, JSON objects to the rest of the code, checked as a TypedDict."""

    def __init__(self, shape: Any) -> None:
        self._shape = shape

    def __get_pydantic_core_schema__(self, _: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return handler.generate_schema(self._shape)


class RunnableConfigBody(TypedDict, total=False):
    """What a run heeds of a config; other keys are kept with it and do nothing."""

    __pydantic_config__ = ConfigDict(extra="allow", strict=True)  # type: ignore[misc]  # no field

    recursion_limit: Annotated[int, Field(ge=1)] | None
    configurable: Object | None
    metadata: Object | None
    tags: list[str] | None
    run_name: str | None
    max_concurrency: Annotated[int, Field(ge=1)] | None


def _as_client_config(given: Any) -> Any:
    if not isinstance(given, dict):
        return given
    return client_config({key: value for key, value in given.items() if value is not None})


Config = Annotated[Object, _Shape(RunnableConfigBody), BeforeValidator(_as_client_config)]
"""A RunnableConfig as JSON, without the keys that the server sets itself."""

Context = Annotated[Object, AfterValidator(client_configurable)]
"""A run's context, without the keys that the server sets itself."""

Limit = Annotated[int, Field(ge=1, le=1000)]
Offset = Annotated[int, Field(ge=0, le=1_000_000_000)]
