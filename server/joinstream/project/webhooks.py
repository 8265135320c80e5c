"""`webhooks` of langgraph.json: where webhooks may go, and what they carry."""

import os
import re
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from joinstream.domain.webhook_urls import UrlPolicy
from joinstream.errors import StartupError
from joinstream.project.config import ProjectConfig

_FROM_ENVIRONMENT = re.compile(r"\$\{\{\s*env\.(\w+)\s*\}\}")


class _Urls(BaseModel):
    """`webhooks.url`. Where it is given, it is stricter than where it is not, as officially."""

    model_config = ConfigDict(extra="forbid")

    require_https: bool = True
    allowed_domains: list[str] = Field(default_factory=list)
    allowed_ports: list[Annotated[int, Field(ge=1, le=65535)]] = Field(default_factory=list)
    max_url_length: Annotated[int, Field(ge=1)] = 2048
    disable_loopback: bool = True
    disable_private_ips: bool = False


class WebhooksConfig(BaseModel):
    """The section's fields. Headers may hold `${{ env.NAME }}`; names begin with `env_prefix`."""

    model_config = ConfigDict(extra="forbid")

    env_prefix: str = "LG_WEBHOOK_"
    url: _Urls | None = None
    headers: dict[str, str] = Field(default_factory=dict)
    allowed_fields: list[str] | None = None

    def url_policy(self) -> UrlPolicy:
        return UrlPolicy(**self.url.model_dump()) if self.url else UrlPolicy()

    def sent_headers(self) -> dict[str, str]:
        """The headers with what the environment holds. Raises StartupError when it lacks it."""
        return {name: self._filled_in(name, value) for name, value in self.headers.items()}

    def _filled_in(self, header: str, template: str) -> str:
        def value(found: re.Match[str]) -> str:
            name = found[1]
            if not name.startswith(self.env_prefix):
                raise StartupError(
                    f"webhooks.headers.{header}: {name} does not begin with {self.env_prefix}, "
                    "so it is not handed out; rename it or set webhooks.env_prefix"
                )
            if name not in os.environ:
                raise StartupError(f"webhooks.headers.{header}: {name} is not set")
            return os.environ[name]

        return _FROM_ENVIRONMENT.sub(value, template)


def webhooks_config(config: ProjectConfig) -> WebhooksConfig:
    """The project's `webhooks`. Raises StartupError for a field that is none or does not fit."""
    try:
        return WebhooksConfig.model_validate(config.webhooks or {})
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in ("webhooks", *problem["loc"]))
        raise StartupError(f"langgraph.json: {where}: {problem['msg']}") from None
