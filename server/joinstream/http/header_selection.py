"""Headers that are handed on: to graphs, or to the log."""

import re
from collections.abc import Iterable, Mapping
from functools import cached_property

from pydantic import AliasChoices, BaseModel, ConfigDict, Field
from starlette.requests import HTTPConnection

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


def for_graphs(request: HTTPConnection) -> dict[str, str]:
    """What `http.configurable_headers` selects of a request."""
    selection: HeaderSelection = request.app.state.configurable_headers
    return selection.of(request.headers)


def _any_of(patterns: Iterable[str]) -> re.Pattern[str]:
    alternatives = (".*".join(map(re.escape, text.lower().split("*"))) for text in patterns)
    return re.compile("|".join(alternatives) or r"(?!)")
