"""Writes `docs/settings.md`: `python -m joinstream.settings.page > docs/settings.md`."""

from inspect import cleandoc
from typing import Any

from joinstream.settings.loading import variable_names
from joinstream.settings.model import SECTIONS, Settings
from joinstream.settings.section import Section

_INTRODUCTION = """\
# Settings

Every setting is an environment variable; `env` in `langgraph.json` may set it too, and the
environment wins. An empty variable counts as unset. A value that does not fit, or a misspelt
`JOINSTREAM_` variable, stops the start with one line that says what would be right.

This page is written by `python -m joinstream.settings.page` from the model that the server reads.
"""


def settings_page() -> str:
    """The page as Markdown, a table per section."""
    return "\n".join([_INTRODUCTION, *(_section(section) for section in SECTIONS)])


def _section(section: type[Section]) -> str:
    rows = [_row(name) for name in section.__annotations__ if name in Settings.model_fields]
    head = ["| Variable | Default | Meaning |", "|---|---|---|"]
    return "\n".join(
        [f"## {section.__name__}\n", f"{cleandoc(section.__doc__ or '')}\n", *head, *rows, ""]
    )


def _row(field_name: str) -> str:
    field = Settings.model_fields[field_name]
    name, *other_names = variable_names(field)
    names = f"`{name}`" + "".join(f"<br>or `{other}`" for other in other_names)
    return f"| {names} | {_default(field.default)} | {field.description} |"


def _default(value: Any) -> str:
    if value is None or value == "":
        return "unset"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return f"`{','.join(value)}`"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


if __name__ == "__main__":
    print(settings_page(), end="")
