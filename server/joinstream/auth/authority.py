"""What is configured: handlers from the project, keys from a setting, or nothing."""

from dataclasses import dataclass

import structlog
from langgraph_sdk.auth import Auth
from pydantic import SecretStr

from joinstream.auth.access import HandlerAccess, OpenAccess
from joinstream.auth.api_keys import ApiKeys
from joinstream.auth.authenticator import Authenticator, HandlerAuthenticator, PathParams
from joinstream.auth.config import KEYS_SAID, NOTHING_TO_SAY, AuthConfig, OpenApiConfig
from joinstream.errors import StartupError
from joinstream.ports.access import Access
from joinstream.project import Project, load_object, read_section
from joinstream.settings import Settings

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Authority:
    """`authenticator` None: the server runs without auth. `openapi`: what documents say of it."""

    access: Access
    authenticator: Authenticator | None = None
    openapi: OpenApiConfig = NOTHING_TO_SAY


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
        return _of_keys(keys, config)
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


def _of_keys(keys: SecretStr | None, config: AuthConfig) -> Authority:
    if keys is not None:
        said = KEYS_SAID if config.openapi == NOTHING_TO_SAY else config.openapi
        return Authority(OpenAccess(), ApiKeys(keys.get_secret_value()), said)
    if config.openapi != NOTHING_TO_SAY:
        log.warning("auth.openapi describes auth, and there is none: auth.path is missing")
    return Authority(OpenAccess())


def _load(path: str, project: Project) -> Auth:
    auth = load_object(path, project.folder, "auth")
    if not isinstance(auth, Auth):
        raise StartupError(f"auth: {path} is a {type(auth).__name__}, not a langgraph_sdk.Auth")
    if auth._authenticate_handler is None:
        raise StartupError(f"auth: {path} has no @auth.authenticate handler")
    return auth
