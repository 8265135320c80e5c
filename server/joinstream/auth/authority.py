"""What is configured: handlers from the project, keys from a setting, or nothing."""

from dataclasses import dataclass, field
from typing import Any

import structlog
from langgraph_sdk.auth import Auth
from pydantic import BaseModel, ConfigDict, Field

from joinstream.auth.access import HandlerAccess, OpenAccess
from joinstream.auth.api_keys import ApiKeys
from joinstream.auth.authenticator import Authenticator, HandlerAuthenticator, PathParams
from joinstream.errors import StartupError
from joinstream.ports.access import Access
from joinstream.project import Project, load_object, read_section
from joinstream.settings import Settings

log = structlog.get_logger(__name__)


class OpenApiConfig(BaseModel):
    """What `/openapi.json` says of auth, in the terms of OpenAPI."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    security_schemes: dict[str, Any] = Field(default_factory=dict, alias="securitySchemes")
    security: list[dict[str, list[str]]] = Field(default_factory=list)
    paths: dict[str, dict[str, Any]] = Field(default_factory=dict)


_OF_API_KEYS = OpenApiConfig(
    securitySchemes={
        "key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
        "bearer": {"type": "http", "scheme": "bearer"},
    },
    security=[{"key": []}, {"bearer": []}],
)


class AuthConfig(BaseModel):
    """`auth` of langgraph.json. Studio gets in only where `disable_studio_auth` is false.

    `cache` is for handlers in JavaScript, and means nothing here.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str | None = None
    disable_studio_auth: bool = True
    openapi: OpenApiConfig = OpenApiConfig()
    allow_langsmith_api_keys: bool = False
    cache: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Authority:
    """`authenticator` None: the server runs without auth. `openapi` is how to say who one is."""

    access: Access
    authenticator: Authenticator | None = None
    openapi: OpenApiConfig = field(default_factory=OpenApiConfig)


def load_authority(settings: Settings, project: Project, path_params: PathParams) -> Authority:
    """Raises StartupError when handlers cannot be loaded, or there are both handlers and keys."""
    config = read_section(AuthConfig, project.config.auth, "auth")
    if config.allow_langsmith_api_keys:
        log.warning(
            "auth.allow_langsmith_api_keys is not honoured: LangSmith is never asked, and the "
            "authenticate handler decides about such keys too"
        )
    keys = settings.api_keys
    if config.path is None:
        if keys is None:
            return Authority(OpenAccess())
        return Authority(OpenAccess(), ApiKeys(keys.get_secret_value()), _OF_API_KEYS)
    if keys is not None:
        raise StartupError(
            "JOINSTREAM_API_KEYS is set and langgraph.json has auth.path: choose one of them."
        )
    auth = _load(config.path, project)
    assert auth._authenticate_handler is not None
    access = HandlerAccess(auth, default_allow=settings.auth_default_allow)
    if unhandled := access.unhandled():
        log.info(
            "auth_actions_without_handler",
            outcome="allowed" if settings.auth_default_allow else "denied",
            actions=unhandled,
        )
    return Authority(
        access,
        HandlerAuthenticator(
            auth._authenticate_handler,
            allow_studio=not config.disable_studio_auth,
            path_params=path_params,
        ),
        config.openapi,
    )


def _load(path: str, project: Project) -> Auth:
    auth = load_object(path, project.folder, "auth")
    if not isinstance(auth, Auth):
        raise StartupError(f"auth: {path} is a {type(auth).__name__}, not a langgraph_sdk.Auth")
    if auth._authenticate_handler is None:
        raise StartupError(f"auth: {path} has no @auth.authenticate handler")
    return auth
