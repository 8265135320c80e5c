"""What every process does first: the project's environment, settings, logs, the project itself."""

from pathlib import Path
from typing import Any, NamedTuple

from joinstream.errors import StartupError
from joinstream.mounting.config import http_config
from joinstream.observe.logging import configure_logging
from joinstream.observe.tracing import set_up_tracing
from joinstream.processes.home import clients_go_home
from joinstream.project import (
    Project,
    ProjectConfig,
    apply_environment,
    load_project,
    read_config,
    read_section,
)
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
    if settings.traces:
        set_up_tracing()
    clients_go_home()
    return Prepared(settings, load_project(config))


def settings_of(config: Path, **overrides: Any) -> Settings:
    """Settings as the environment and the project give them; the environment wins."""
    project = read_config(config)
    apply_environment(project, config.resolve().parent)
    settings = load_settings(**overrides)
    try:
        return settings.model_copy(update=_of_project(project, settings))
    except StartupError as error:
        raise StartupError(f"{config}: {error}") from error


def _of_project(project: ProjectConfig, settings: Settings) -> dict[str, Any]:
    """The settings that `langgraph.json` makes and the environment does not, by field name."""
    http = http_config(project)
    of_project: dict[str, Any] = {}
    if settings.langgraph_thread_ttl is None and (ttl := (project.checkpointer or {}).get("ttl")):
        of_project["langgraph_thread_ttl"] = read_section(ThreadTtlConfig, ttl, "checkpointer.ttl")
    if http.cors is not None and not settings.cors_is_chosen:
        of_project["cors_config"] = http.cors
    if not settings.mount_prefix:
        of_project["mount_prefix"] = http.mount_prefix
    return of_project


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
