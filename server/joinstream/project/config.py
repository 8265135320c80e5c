"""`langgraph.json` as a model, read the way the official CLI reads it."""

import difflib
import json
import os
from pathlib import Path
from typing import Any

import structlog
from dotenv import dotenv_values
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from joinstream.errors import StartupError
from joinstream.project.modules import make_importable

log = structlog.get_logger(__name__)

Section = dict[str, Any]
"""A part of the file whose fields are checked by the feature that uses it."""

IGNORED_KEYS = frozenset(
    {
        "$schema",
        "api_version",
        "base_image",
        "disable_persistence",
        "dockerfile_lines",
        "image_distro",
        "keep_pkg_tools",
        "node_version",
        "pip_config_file",
        "pip_installer",
        "priority",
        "python_version",
        "source",
        "ui",
        "ui_config",
    }
)
"""Known keys that only concern image builds or the official Studio."""


class GraphSpec(BaseModel):
    """Where a graph is: `./file.py:variable` or `package.module:variable`."""

    model_config = ConfigDict(frozen=True)

    path: str
    description: str | None = None


class ProjectConfig(BaseModel):
    """The keys of `langgraph.json`. Relative paths are relative to the file's own folder."""

    model_config = ConfigDict(extra="allow", frozen=True, coerce_numbers_to_str=True)

    graphs: dict[str, GraphSpec] = Field(min_length=1)
    dependencies: tuple[str, ...] = ()
    env: dict[str, str] | str = Field(default_factory=dict)
    store: Section | None = None
    checkpointer: Section | None = None
    auth: Section | None = None
    http: Section | None = None
    webhooks: Section | None = None
    encryption: Section | None = None

    @field_validator("graphs", mode="before")
    @classmethod
    def _a_bare_string_is_a_path(cls, graphs: Any) -> Any:
        if not isinstance(graphs, dict):
            return graphs
        return {k: {"path": v} if isinstance(v, str) else v for k, v in graphs.items()}

    @property
    def unknown_keys(self) -> list[str]:
        return sorted(set(self.model_extra or ()) - IGNORED_KEYS)


def read_config(config_path: Path) -> ProjectConfig:
    """Read and check `langgraph.json`; unknown keys are logged and kept.

    Raises StartupError when the file is missing, is not JSON, or lacks what is needed.
    """
    try:
        content = json.loads(config_path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise StartupError(
            f"{config_path} does not exist; create it, for example "
            '{"graphs": {"agent": "./agent.py:graph"}}, or name another file with --config'
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise StartupError(f"{config_path} cannot be read: {error}") from error
    except json.JSONDecodeError as error:
        raise StartupError(
            f"{config_path} is not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        ) from error
    try:
        config = ProjectConfig.model_validate(content)
    except ValidationError as error:
        raise StartupError(f"{config_path}: {_first_problem(error)}") from error
    for key in config.unknown_keys:
        log.warning("unknown_key_ignored", file=str(config_path), key=key, did_you_mean=_near(key))
    return config


def apply_environment(config: ProjectConfig, folder: Path) -> None:
    """Set the project's `env` for this process; variables that are set already win.

    Raises StartupError when `env` names a file that does not exist.
    """
    for name, value in _environment(config, folder).items():
        os.environ.setdefault(name, value)


def apply_dependencies(config: ProjectConfig, folder: Path) -> None:
    """Make the local folders of `dependencies` importable; packages are installed by the user.

    Raises StartupError when such a folder does not exist.
    """
    for dependency in config.dependencies:
        if not dependency.startswith((".", "/")):
            continue
        path = (folder / dependency).resolve()
        if not path.is_dir():
            raise StartupError(
                f"dependencies: {dependency!r} is not a folder in {folder}; "
                "create it or take it out of langgraph.json"
            )
        make_importable(path)


def _environment(config: ProjectConfig, folder: Path) -> dict[str, str]:
    if isinstance(config.env, dict):
        return config.env
    path = folder / config.env
    if not path.is_file():
        raise StartupError(
            f"env: {path} does not exist; create it or take `env` out of langgraph.json"
        )
    return {name: value for name, value in dotenv_values(path).items() if value is not None}


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in problem["loc"]) or "the file"
    return f"{where}: {problem['msg']}"


def _near(key: str) -> str | None:
    return next(iter(difflib.get_close_matches(key, ProjectConfig.model_fields, n=1)), None)
