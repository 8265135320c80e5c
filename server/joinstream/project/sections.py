"""Reads a section of `langgraph.json` into the model of the feature that uses it."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar, get_args

from pydantic import AliasChoices, BaseModel, ValidationError

from joinstream.errors import StartupError

Model = TypeVar("Model", bound=BaseModel)


def read_section(model: type[Model], section: Mapping[str, Any] | None, name: str) -> Model:
    """The section called `name`; what is null counts as absent.

    Raises StartupError in one line that names the key. A key that is not known is refused too: one
    that is misspelt would otherwise be a lock that does not lock.
    """
    try:
        return model.model_validate(_without_nulls(section or {}))
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        path = [name, *(str(part) for part in problem["loc"])]
        if problem["type"] == "extra_forbidden":
            known = _known_keys(model, problem["loc"][:-1])
            raise StartupError(_unknown_key(path, known)) from None
        reason = problem["msg"].removeprefix("Value error, ")
        raise StartupError(f"{'.'.join(path)}: {reason}") from None


def _without_nulls(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    return {key: _without_nulls(item) for key, item in value.items() if item is not None}


def _unknown_key(path: Sequence[str], known: Sequence[str]) -> str:
    close = difflib.get_close_matches(path[-1], known, n=1)
    remedy = f"did you mean {close[0]!r}?" if close else f"it has {', '.join(known)}"
    return f"{'.'.join(path)}: {'.'.join(path[:-1])} has no key {path[-1]!r}; {remedy}"


def _known_keys(model: type[BaseModel], path: Sequence[str | int]) -> list[str]:
    for key in path:
        model = next(
            part
            for name, annotation in _fields(model)
            if name == key
            for part in (annotation, *get_args(annotation))
            if isinstance(part, type) and issubclass(part, BaseModel)
        )
    return [name for name, _ in _fields(model)]


def _fields(model: type[BaseModel]) -> Iterator[tuple[str, Any]]:
    """Every key that the model takes, with the type of its value."""
    for name, field in model.model_fields.items():
        alias = field.validation_alias
        names = alias.choices if isinstance(alias, AliasChoices) else [alias or name]
        for taken in names:
            yield str(taken), field.annotation
