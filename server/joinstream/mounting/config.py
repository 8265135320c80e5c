"""`http` of `langgraph.json`."""

import re
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from joinstream.project import ProjectConfig, read_section
from joinstream.settings import CorsConfig, MountPrefix

SECRET_HEADERS = frozenset({"authorization", "x-api-key", "x-tenant-id", "x-service-key"})
"""Never handed on, whatever is asked for."""
CREDENTIALS = frozenset({"cookie", "proxy-authorization"})
"""Handed on only when they are asked for by name."""


class HeaderSelection(BaseModel):
    """Which headers of a request are handed on: names, in which `*` stands for anything."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    includes: tuple[str, ...] = Field(
        default=(), validation_alias=AliasChoices("includes", "include")
    )
    excludes: tuple[str, ...] = Field(
        default=(), validation_alias=AliasChoices("excludes", "exclude")
    )

    def of(self, headers: Mapping[str, str]) -> dict[str, str]:
        """The selected headers, by their names in lower case."""
        if not self.includes:
            return {}
        return {name.lower(): text for name, text in headers.items() if self._selects(name.lower())}

    def _selects(self, name: str) -> bool:
        if name in SECRET_HEADERS or self._excluded.fullmatch(name):
            return False
        if name in CREDENTIALS:
            return name in self._literally_included
        return self._included.fullmatch(name) is not None

    @cached_property
    def _included(self) -> re.Pattern[str]:
        return _any_of(self.includes)

    @cached_property
    def _excluded(self) -> re.Pattern[str]:
        return _any_of(self.excludes)

    @cached_property
    def _literally_included(self) -> frozenset[str]:
        return frozenset(pattern.lower() for pattern in self.includes)


class HttpConfig(BaseModel):
    """What a project says of its API. Read it with `http_config`.

    Of the switches, those for things that this server does not have are accepted and change
    nothing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    app: str | None = None
    mount_prefix: MountPrefix = ""
    cors: CorsConfig | None = None
    configurable_headers: HeaderSelection = HeaderSelection()
    logging_headers: HeaderSelection = HeaderSelection()
    enable_custom_route_auth: bool = False
    middleware_order: Literal["middleware_first", "auth_first"] = "middleware_first"
    disable_assistants: bool = False
    disable_threads: bool = False
    disable_runs: bool = False
    disable_store: bool = False
    disable_meta: bool = False
    disable_mcp: bool = False
    disable_a2a: bool = False
    disable_ui: bool = False
    disable_webhooks: bool = False
    disable_event_streaming: bool = False


def http_config(project: ProjectConfig) -> HttpConfig:
    """Raises StartupError in one line that names the key at fault."""
    return read_section(HttpConfig, project.http, "http")


def _any_of(patterns: Iterable[str]) -> re.Pattern[str]:
    alternatives = (".*".join(map(re.escape, text.lower().split("*"))) for text in patterns)
    return re.compile("|".join(alternatives) or r"(?!)")
