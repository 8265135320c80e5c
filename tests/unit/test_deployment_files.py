"""compose.yaml and the Dockerfile, as far as a machine without Docker can judge them."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from prometheus_client import REGISTRY

from joinstream import __version__
from joinstream.cli.commands import app
from joinstream.ports.runs import QueueFigures
from joinstream.project import read_config
from joinstream.services.figures import described
from joinstream.settings import Settings
from joinstream.settings.loading import known_names

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = ("migrate", "api", "worker")
DOCKERFILE = [
    line.split(maxsplit=1)
    for line in (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]


def instructions(name: str) -> list[str]:
    return [rest for instruction, rest in DOCKERFILE if instruction == name]


def parse_command(arguments: list[str]) -> dict[str, Any]:
    """The options as the command line understands them; fails on unknown ones."""
    name, *options = arguments
    command = typer.main.get_command(app).commands[name]  # type: ignore[attr-defined]  # a group
    parameters: dict[str, Any] = command.make_context(name, options).params
    return parameters


def seconds(duration: str) -> float:
    return float(duration.removesuffix("s"))


@pytest.mark.parametrize("name", OURS)
def test_each_service_runs_a_command_that_exists_with_options_that_exist(name: str) -> None:
    parse_command(SERVICES[name]["command"])


@pytest.mark.parametrize("name", OURS)
def test_each_service_sets_variables_that_exist_to_values_that_fit(name: str) -> None:
    environment: dict[str, Any] = SERVICES[name]["environment"]
    assert set(environment) <= known_names()
    Settings(**environment)


@pytest.mark.parametrize("name", ["api", "worker"])
def test_servers_start_when_what_they_need_is_there(name: str) -> None:
    assert SERVICES[name]["depends_on"] == {
        "migrate": {"condition": "service_completed_successfully"},
        "postgres": {"condition": "service_healthy"},
        "redis": {"condition": "service_healthy"},
    }
    assert SERVICES["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}


@pytest.mark.parametrize("name", ["postgres", "redis", "api", "worker"])
def test_what_serves_is_started_again_when_it_ends(name: str) -> None:
    assert SERVICES[name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", ["postgres", "redis", "api"])
def test_what_others_wait_for_tells_its_health(name: str) -> None:
    check = SERVICES[name]["healthcheck"]
    assert check["test"][0] == "CMD"
    assert check["retries"] > 0


def test_the_api_listens_where_its_health_is_asked_and_its_port_is_published() -> None:
    options = parse_command(SERVICES["api"]["command"])
    (published,) = SERVICES["api"]["ports"]
    assert options["host"] == "0.0.0.0"
    assert options["workers"] == 0
    assert published.endswith(f":{options['port']}")
    assert f":{options['port']}/ok" in SERVICES["api"]["healthcheck"]["test"][-1]
    assert f"{options['port']}" in instructions("EXPOSE")


@pytest.mark.parametrize("name", OURS)
def test_the_project_that_is_served_and_migrated_for_exists(name: str) -> None:
    config = parse_command(SERVICES[name]["command"])["config"]
    assert read_config(ROOT / config).graphs


def test_workers_get_longer_to_stop_than_their_grace_period() -> None:
    worker = SERVICES["worker"]
    grace = float(worker["environment"]["BG_JOB_SHUTDOWN_GRACE_PERIOD_SECS"])
    assert seconds(worker["stop_grace_period"]) > grace


def test_every_image_is_pinned_to_a_version() -> None:
    images = [service["image"] for service in SERVICES.values()]
    bases = [base.partition(" AS ")[0] for base in instructions("FROM")]
    assert [image for image in images + bases if not re.search(r":\d+\.\d+\.\d+", image)] == []
    assert {SERVICES[name]["image"] for name in OURS} == {f"joinstream:{__version__}"}


def test_the_image_does_not_run_as_root() -> None:
    stages = [i for i, (instruction, _) in enumerate(DOCKERFILE) if instruction == "FROM"]
    users = [rest for instruction, rest in DOCKERFILE[stages[-1] :] if instruction == "USER"]
    assert users == ["joinstream"]


def test_the_images_own_command_is_one_of_ours() -> None:
    assert instructions("ENTRYPOINT") == ['["joinstream"]']
    (command,) = instructions("CMD")
    parse_command(yaml.safe_load(command))


def test_what_the_image_copies_exists_and_is_not_ignored() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    copied = {
        source
        for line in instructions("COPY")
        if not line.startswith("--from=")
        for source in line.split()[:-1]
    }
    assert copied == {"pyproject.toml", "README.md", "LICENSE", "migrations", "server", "graphs"}
    assert [source for source in copied if not (ROOT / source).exists()] == []
    assert [source for source in copied if f"!{source}" not in ignored] == []


def test_the_dashboard_shows_what_is_counted() -> None:
    dashboard = json.loads((ROOT / "deploy/grafana/joinstream.json").read_text("utf-8"))
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    shown = {
        name for query in queries for name in re.findall(r"\b(?:lg_api|joinstream)_\w+", query)
    }
    assert len(shown) > 15
    asked = {name for name, _, _ in described(QueueFigures(0, 0, None, None, None))}
    counted = {
        sample
        for family in REGISTRY.collect()
        for sample in (family.name, f"{family.name}_total", f"{family.name}_bucket")
    }
    assert shown <= counted | asked
