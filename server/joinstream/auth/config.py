"""`auth` of langgraph.json."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class OpenApiConfig(BaseModel):
    """What `/openapi.json` says of auth, in the terms of OpenAPI."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    security_schemes: dict[str, Any] = Field(default_factory=dict, alias="securitySchemes")
    security: list[dict[str, list[str]]] = Field(default_factory=list)
    paths: dict[str, dict[str, Any]] = Field(default_factory=dict)


class AuthConfig(BaseModel):
    """The section. Studio gets in only where `disable_studio_auth` is false.

    `cache` is for handlers in JavaScript, and means nothing here.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str | None = None
    disable_studio_auth: bool = True
    openapi: OpenApiConfig = OpenApiConfig()
    allow_langsmith_api_keys: bool = False
    cache: dict[str, Any] | None = None


NOTHING_TO_SAY = OpenApiConfig()
KEYS_SAID = OpenApiConfig(
    securitySchemes={
        "key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
        "bearer": {"type": "http", "scheme": "bearer"},
    },
    security=[{"key": []}, {"bearer": []}],
)
"""What there is to say of JOINSTREAM_API_KEYS."""
