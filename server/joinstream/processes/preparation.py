"""What every process does first: the project's environment, settings, logs, the project itself."""

from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from joinstream.errors import StartupError
from joinstream.observe.logging import configure_logging
from joinstream.project import Project, apply_environment, load_project, read_config
from joinstream.settings import Settings, ThreadTtlConfig, load_settings
from joinstream.store.migrate import pending


class Prepared(NamedTuple):
    """What a process needs to know before it connects to anything."""

    settings: Settings
    project: Project


def prepare(config: Path, **overrides: Any) -> Prepared:
    """`overrides` of settings are by field name; None means: not given.

    The environment of `langgraph.json` is set first, for settings may be in it.
    Raises StartupError.
    """
    settings = read_settings(config, **overrides)
    return Prepared(settings, load_project(config))


def settings_of(config: Path, **overrides: Any) -> Settings:
    """Settings as the environment and the project give them; the environment wins."""
    project = read_config(config)
    apply_environment(project, config.resolve().parent)
    settings = load_settings(**overrides)
    ttl = (project.checkpointer or {}).get("ttl")
    if ttl is None or settings.langgraph_thread_ttl is not None:
        return settings
    return settings.model_copy(update={"langgraph_thread_ttl": _thread_ttl(config, ttl)})


def _thread_ttl(config: Path, given: Any) -> ThreadTtlConfig:
    try:
        return ThreadTtlConfig.model_validate(given)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in ("checkpointer.ttl", *problem["loc"]))
        raise StartupError(f"{config}: {where}: {problem['msg']}") from error


def read_settings(config: Path, **overrides: Any) -> Settings:
    """Settings, and logging set up accordingly. Raises StartupError."""
    settings = settings_of(config, **overrides)
    configure_logging(settings.log_level, as_json=settings.log_json, color=settings.log_color)
    return settings


async def require_migrated(database_uri: str) -> None:
    """Raises StartupError when the database lacks migrations of this release."""
    missing = await pending(database_uri)
    if missing:
        raise StartupError(
            f"The database lacks {len(missing)} migrations (from {missing[0]}): "
            "run `joinstream migrate` first."
        )
