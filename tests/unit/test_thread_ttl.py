"""The default time to live of threads, from the environment and from `langgraph.json`."""

import json
from pathlib import Path
from typing import Any

import pytest

from joinstream.domain.threads import Ttl
from joinstream.errors import StartupError
from joinstream.processes.preparation import settings_of
from joinstream.settings import ThreadTtlConfig, load_settings


def project(folder: Path, checkpointer: Any) -> Path:
    config = folder / "langgraph.json"
    config.write_text(json.dumps({"graphs": {"a": "./a.py:a"}, "checkpointer": checkpointer}))
    return config


def test_a_number_is_minutes_until_deletion(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGGRAPH_THREAD_TTL", "0.5")
    assert load_settings().ttl_of_new_threads == Ttl("delete", 0.5)


def test_json_sets_every_field(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {
        "strategy": "keep_latest",
        "default_ttl": 60,
        "sweep_interval_minutes": 2,
        "sweep_limit": 7,
    }
    monkeypatch.setenv("LANGGRAPH_THREAD_TTL", json.dumps(given))
    settings = load_settings()
    assert settings.langgraph_thread_ttl == ThreadTtlConfig(**given)
    assert settings.ttl_of_new_threads == Ttl("keep_latest", 60)


def test_sweeps_can_be_set_without_a_default_for_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGGRAPH_THREAD_TTL", '{"sweep_interval_minutes": 1}')
    assert load_settings().ttl_of_new_threads is None


@pytest.mark.parametrize(
    "text",
    ["soon", "-1", "0", "inf", "nan", "{", '{"default_ttl": 1, "strategy": "burn"}', '{"x": 1}'],
)
def test_what_does_not_fit_is_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("LANGGRAPH_THREAD_TTL", text)
    with pytest.raises(StartupError, match="LANGGRAPH_THREAD_TTL") as caught:
        load_settings()
    assert "\n" not in str(caught.value)


def test_the_project_gives_the_default(tmp_path: Path) -> None:
    config = project(tmp_path, {"ttl": {"default_ttl": 43200, "strategy": "delete"}})
    assert settings_of(config).ttl_of_new_threads == Ttl("delete", 43200)


def test_the_environment_wins_over_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANGGRAPH_THREAD_TTL", "5")
    config = project(tmp_path, {"ttl": {"default_ttl": 43200}})
    assert settings_of(config).ttl_of_new_threads == Ttl("delete", 5)


@pytest.mark.parametrize("checkpointer", [None, {}, {"ttl": None}, {"serde": {}}])
def test_a_project_need_not_speak_of_it(tmp_path: Path, checkpointer: Any) -> None:
    assert settings_of(project(tmp_path, checkpointer)).langgraph_thread_ttl is None


@pytest.mark.parametrize("ttl", [{"default_ttl": 0}, {"default_tll": 5}, "soon"])
def test_a_mistake_in_the_project_is_one_line_that_names_the_place(
    tmp_path: Path, ttl: Any
) -> None:
    with pytest.raises(StartupError, match=r"langgraph\.json: checkpointer\.ttl") as caught:
        settings_of(project(tmp_path, {"ttl": ttl}))
    assert "\n" not in str(caught.value)
