"""Reads the settings; whatever is wrong becomes one line that names the variable and the remedy."""

import difflib
import os
import re
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import AliasChoices, SecretStr, ValidationError
from pydantic.fields import FieldInfo

from joinstream.errors import StartupError
from joinstream.settings.model import Settings

OUR_PREFIX = "JOINSTREAM_"
CLIENTS_NAMES = frozenset({"JOINSTREAM_URL"})
"""What our client reads; whoever runs both on one machine sets it for both."""
_SERVICE_LINK = re.compile(r"_(SERVICE_HOST|SERVICE_PORT|PORT)(_\w+)?")
"""Kubernetes sets such variables for a service that is called `joinstream`."""


def load_settings(**overrides: Any) -> Settings:
    """Settings from the environment; `overrides`, by field name, win over it.

    Raises StartupError for a value that does not fit and for an unknown `JOINSTREAM_` variable.
    Secret values never appear in its message.
    """
    _refuse_unknown_names()
    try:
        return Settings(**{name: value for name, value in overrides.items() if value is not None})
    except ValidationError as error:
        raise StartupError("; ".join(_explain(error)) + ".") from None


def variable_names(field: FieldInfo) -> tuple[str, ...]:
    """The environment variables that set a field, the foremost first."""
    assert isinstance(field.validation_alias, AliasChoices)
    return tuple(str(choice) for choice in field.validation_alias.choices)


def known_names() -> frozenset[str]:
    """Every environment variable that sets something."""
    return frozenset(
        name for field in Settings.model_fields.values() for name in variable_names(field)
    )


def is_secret(field: FieldInfo) -> bool:
    return SecretStr in (field.annotation, *get_args(field.annotation))


def _refuse_unknown_names() -> None:
    known = known_names()
    for name in sorted(os.environ):
        ours = name.startswith(OUR_PREFIX) and name not in known | CLIENTS_NAMES
        if ours and not _SERVICE_LINK.search(name):
            raise StartupError(f"{name} is not a setting of joinstream{_suggestion(name, known)}")


def _suggestion(name: str, known: frozenset[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1) or difflib.get_close_matches(
        name.removeprefix(OUR_PREFIX), known, n=1
    )
    return f"; did you mean {close[0]}?" if close else ": unset it."


def _explain(error: ValidationError) -> Iterator[str]:
    for problem in error.errors(include_url=False):
        reason = problem["msg"].removeprefix("Value error, ")
        if not problem["loc"]:
            yield reason
            continue
        name, field = _find(str(problem["loc"][0]))
        reason = reason[:1].lower() + reason[1:]
        if is_secret(field):
            yield f"{name} cannot be used: {reason}"
        else:
            yield f"{name} is {problem['input']!r}: {reason}"


def _find(location: str) -> tuple[str, FieldInfo]:
    """The field a problem is about, and the variable, of several, by which it was set."""
    for field_name, field in Settings.model_fields.items():
        names = variable_names(field)
        if location in (field_name, *names):
            return next((name for name in names if name in os.environ), names[0]), field
    raise LookupError(location)
