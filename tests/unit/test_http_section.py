"""`http` of langgraph.json: what it may say, what it hands on, and how a mistake is answered."""

import json
from pathlib import Path
from typing import Any

import pytest

from joinstream.errors import StartupError
from joinstream.http.header_selection import HeaderSelection
from joinstream.mounting.config import http_config
from joinstream.mounting.switches import api_routes
from joinstream.processes.preparation import settings_of
from joinstream.project import read_config
from joinstream.settings import CorsConfig, load_settings


def project(folder: Path, **http: Any) -> Path:
    path = folder / "langgraph.json"
    path.write_text(json.dumps({"graphs": {"agent": "./agent.py:graph"}, "http": http}))
    return path


def paths(folder: Path, **http: Any) -> set[str]:
    """What a server of such a project answers."""
    routes = api_routes(http_config(read_config(project(folder, **http))))
    return {route.path for route in (*routes.open, *routes.guarded)}


def test_every_key_of_the_official_server_is_known(tmp_path: Path) -> None:
    everything = {
        "app": "./app.py:app",
        "mount_prefix": "/agents",
        "cors": {
            "allow_origins": ["https://a.example"],
            "allow_methods": ["GET"],
            "allow_headers": ["x-a"],
            "allow_credentials": True,
            "allow_origin_regex": r"https://.*\.example",
            "expose_headers": ["x-b"],
            "max_age": 5,
        },
        "configurable_headers": {"includes": ["x-a"], "excludes": ["x-b"]},
        "logging_headers": {"include": ["x-a"], "exclude": None},
        "enable_custom_route_auth": True,
        "middleware_order": "auth_first",
        **{
            f"disable_{name}": True
            for name in (
                *("assistants", "threads", "runs", "store", "meta", "mcp", "a2a"),
                *("ui", "webhooks", "event_streaming", "openai", "langserve"),
            )
        },
    }
    config = http_config(read_config(project(tmp_path, **everything)))
    assert set(everything) == set(type(config).model_fields)


@pytest.mark.parametrize("switch", ["disable_event_streaming", "disable_runs"])
def test_event_streaming_can_be_switched_off(tmp_path: Path, switch: str) -> None:
    its_own = {"/threads/{thread_id}/commands", "/threads/{thread_id}/stream/events"}
    assert its_own <= paths(tmp_path)
    assert not its_own & paths(tmp_path, **{switch: True})


def test_a_project_need_not_speak_of_it(tmp_path: Path) -> None:
    path = tmp_path / "langgraph.json"
    path.write_text('{"graphs": {"agent": "./agent.py:graph"}}')
    assert http_config(read_config(path)).app is None


@pytest.mark.parametrize(
    ("http", "reason"),
    [
        ({"ap": "x"}, "http.ap: http has no key 'ap'; did you mean 'app'?"),
        ({"enable_custom_routes_auth": True}, "did you mean 'enable_custom_route_auth'?"),
        ({"zzz": 1}, "http has no key 'zzz'; it has app, mount_prefix, cors"),
        ({"cors": {"allow_origin": ["*"]}}, "http.cors has no key 'allow_origin'; did you mean"),
        ({"cors": {"allow_origins": "*"}}, "http.cors.allow_origins: Input should be"),
        ({"cors": {"allow_origin_regex": "("}}, "allow_origin_regex: is no regular expression"),
        ({"configurable_headers": {"inclued": []}}, "did you mean 'include'?"),
        ({"middleware_order": "auth"}, "should be 'middleware_first' or 'auth_first'"),
        ({"disable_runs": "perhaps"}, "http.disable_runs: Input should be a valid boolean"),
        ({"mount_prefix": "agents"}, "http.mount_prefix: must start with /"),
        ({"mount_prefix": "/agents/"}, "must start with / and not end with it"),
        ({"mount_prefix": "/"}, "must start with / and not end with it"),
        ({"mount_prefix": "/a//b"}, "must start with /"),
        ({"mount_prefix": "/a/../b"}, "must start with /"),
        ({"mount_prefix": "/{tenant}"}, "only letters, digits"),
        ({"mount_prefix": "/noauth"}, "not be /noauth"),
    ],
    ids=str,
)
def test_a_mistake_is_one_line_that_says_what_would_be_right(
    tmp_path: Path, http: dict[str, Any], reason: str
) -> None:
    with pytest.raises(StartupError) as caught:
        settings_of(project(tmp_path, **http))
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'langgraph.json'}: http.")
    assert reason in message
    assert "\n" not in message


def test_prefix_and_cors_become_settings_unless_the_environment_has_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = project(
        tmp_path, mount_prefix="/of/file", cors={"allow_origins": ["https://file.example"]}
    )
    settings = settings_of(config)
    assert settings.mount_prefix == "/of/file"
    assert settings.cors.allow_origins == ("https://file.example",)
    monkeypatch.setenv("MOUNT_PREFIX", "/of/environment")
    monkeypatch.setenv("CORS_ALLOW_ORIGINS", "https://environment.example")
    settings = settings_of(config)
    assert settings.mount_prefix == "/of/environment"
    assert settings.cors.allow_origins == ("https://environment.example",)


def test_only_chosen_origins_may_send_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().cors == CorsConfig(allow_origins=("*",))
    monkeypatch.setenv("CORS_ALLOW_ORIGINS", "https://a.example")
    assert load_settings().cors.allow_credentials is True


@pytest.mark.parametrize(
    ("switch", "gone", "stays"),
    [
        ("disable_assistants", "/assistants/search", "/threads/search"),
        ("disable_threads", "/threads/{thread_id}/state", "/threads/{thread_id}/runs"),
        ("disable_runs", "/threads/{thread_id}/runs", "/threads/{thread_id}/state"),
        ("disable_runs", "/mcp", "/threads/search"),
        ("disable_mcp", "/mcp", "/runs/wait"),
        ("disable_runs", "/a2a/{assistant_id}", "/threads/search"),
        ("disable_a2a", "/a2a/{assistant_id}", "/runs/wait"),
        ("disable_a2a", "/.well-known/agent-card.json", "/mcp"),
        ("disable_meta", "/info", "/ok"),
        ("disable_meta", "/openapi.json", "/runs/wait"),
        ("disable_meta", "/", "/ok"),
    ],
)
def test_a_switch_takes_its_routes_away_and_no_others(
    tmp_path: Path, switch: str, gone: str, stays: str
) -> None:
    assert {gone, stays} <= paths(tmp_path)
    left = paths(tmp_path, **{switch: True})
    assert gone not in left
    assert stays in left


@pytest.mark.parametrize(
    ("selection", "name", "selected"),
    [
        ({}, "x-a", False),
        ({"includes": []}, "x-a", False),
        ({"includes": ["X-A"]}, "x-a", True),
        ({"include": ["x-a"]}, "X-A", True),
        ({"includes": ["x-*"]}, "x-a", True),
        ({"includes": ["*-trace-*"]}, "x-trace-id", True),
        ({"includes": ["*-trace-*"]}, "x-trace", False),
        ({"includes": ["x.a"]}, "x-a", False),
        ({"includes": ["x-*"], "excludes": ["x-a"]}, "x-a", False),
        ({"includes": ["*"], "exclude": ["*-a"]}, "x-a", False),
        ({"includes": ["*"]}, "authorization", False),
        ({"includes": ["authorization"]}, "Authorization", False),
        ({"includes": ["x-api-key"]}, "x-api-key", False),
        ({"includes": ["x-tenant-id", "x-service-key"]}, "x-tenant-id", False),
        ({"includes": ["*"]}, "cookie", False),
        ({"includes": ["*", "Cookie"]}, "cookie", True),
    ],
    ids=str,
)
def test_headers_are_selected_by_names_and_stars(
    selection: dict[str, Any], name: str, selected: bool
) -> None:
    found = HeaderSelection.model_validate(selection).of({name: "value"})
    assert found == ({name.lower(): "value"} if selected else {})
