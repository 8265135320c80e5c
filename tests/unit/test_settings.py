"""Settings: official names, clear refusals, and secrets that stay secret."""

import os
from pathlib import Path

import pytest

from joinstream.errors import StartupError
from joinstream.settings import CorsConfig, Settings, load_settings
from joinstream.settings.loading import known_names
from joinstream.settings.page import settings_page

SECRET_URI = "postgresql://joe:hunter2@db.internal/app"


@pytest.fixture(autouse=True)
def no_settings_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name in known_names() or name.startswith("JOINSTREAM_"):
            monkeypatch.delenv(name)


def refusal() -> str:
    with pytest.raises(StartupError) as caught:
        load_settings()
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_without_any_variable_the_defaults_are_those_of_the_official_server() -> None:
    settings = load_settings()
    assert settings.n_jobs_per_worker == 10
    assert settings.bg_job_timeout_secs == 86400
    assert settings.bg_job_max_retries == 3
    assert settings.bg_job_shutdown_grace_period_secs == 180
    assert settings.resumable_stream_ttl_seconds == 120
    assert settings.http_max_request_body_bytes == 300 * 1024 * 1024
    assert settings.cors_allow_origins == ("*",)
    assert settings.database_uri is None


@pytest.mark.parametrize("name", ["DATABASE_URI", "POSTGRES_URI", "POSTGRES_URI_CUSTOM"])
def test_postgres_is_found_under_each_official_name(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, SECRET_URI)
    uri = load_settings().database_uri
    assert uri is not None
    assert uri.get_secret_value() == SECRET_URI


def test_a_custom_redis_wins_over_the_platforms_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URI", "redis://platform")
    monkeypatch.setenv("REDIS_URI_CUSTOM", "redis://mine")
    uri = load_settings().redis_uri
    assert uri is not None
    assert uri.get_secret_value() == "redis://mine"


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URI", "")
    monkeypatch.setenv("N_JOBS_PER_WORKER", "")
    assert load_settings().redis_uri is None
    assert load_settings().n_jobs_per_worker == 10


def test_what_the_command_line_says_wins_over_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PORT", "8000")
    assert load_settings(port=None).port == 8000
    assert load_settings(port=9000).port == 9000


def test_lists_and_objects_are_read_from_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORS_ALLOW_ORIGINS", "https://a.example, https://b.example")
    monkeypatch.setenv("CORS_CONFIG", '{"allow_origins": ["https://c.example"], "max_age": 5}')
    settings = load_settings()
    assert settings.cors_allow_origins == ("https://a.example", "https://b.example")
    assert settings.cors_config == CorsConfig(allow_origins=("https://c.example",), max_age=5)


@pytest.mark.parametrize(
    ("name", "value", "right"),
    [
        ("N_JOBS_PER_WORKER", "ten", "valid integer"),
        ("N_JOBS_PER_WORKER", "0", "greater than 0"),
        ("JOINSTREAM_STREAM_LOG", "never", "'always' or 'requested'"),
        ("LOG_LEVEL", "LOUD", "'DEBUG', 'INFO', 'WARNING'"),
        ("PORT", "70000", "less than or equal to 65535"),
        ("MOUNT_PREFIX", "agents/", "must start with /"),
        ("LANGGRAPH_MOUNT_PREFIX", "agents/", "must start with /"),
        ("CORS_CONFIG", "{", "property name"),
        ("CORS_CONFIG", '{"origins": []}', "not permitted"),
        ("REDIS_CLUSTER", "perhaps", "valid boolean"),
    ],
)
def test_a_bad_value_is_refused_with_its_name_and_what_would_be_right(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, right: str
) -> None:
    monkeypatch.setenv(name, value)
    message = refusal()
    assert name in message
    assert right in message


def test_several_bad_values_are_all_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("N_JOBS_PER_WORKER", "ten")
    monkeypatch.setenv("LOG_LEVEL", "LOUD")
    assert "N_JOBS_PER_WORKER is 'ten'" in refusal()
    assert "LOG_LEVEL is 'LOUD'" in refusal()


def test_a_lease_that_one_missed_renewal_would_end_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("JOINSTREAM_LEASE_SECONDS", "15")
    assert refusal() == (
        "JOINSTREAM_LEASE_RENEW_SECONDS must be at most half of JOINSTREAM_LEASE_SECONDS."
    )


@pytest.mark.parametrize(
    ("misspelt", "meant"),
    [
        ("JOINSTREAM_LEASE_SECOND", "JOINSTREAM_LEASE_SECONDS"),
        ("JOINSTREAM_STREAMLOG", "JOINSTREAM_STREAM_LOG"),
        ("JOINSTREAM_N_JOBS_PER_WORKER", "N_JOBS_PER_WORKER"),
        ("JOINSTREAM_DATABASE_URI", "DATABASE_URI"),
    ],
)
def test_a_misspelt_variable_is_refused_with_a_suggestion(
    monkeypatch: pytest.MonkeyPatch, misspelt: str, meant: str
) -> None:
    monkeypatch.setenv(misspelt, "1")
    assert refusal() == f"{misspelt} is not a setting of joinstream; did you mean {meant}?"


def test_what_our_client_reads_is_no_misspelling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOINSTREAM_URL", "http://127.0.0.1:2024")
    load_settings()


@pytest.mark.parametrize(
    "name",
    ["JOINSTREAM_SERVICE_HOST", "JOINSTREAM_PORT", "JOINSTREAM_API_PORT_8000_TCP_ADDR"],
)
def test_variables_that_kubernetes_sets_for_a_service_are_no_misspellings(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "10.0.0.1")
    load_settings()


@pytest.mark.parametrize("name", ["DATABASE_URI", "POSTGRES_URI", "REDIS_URI"])
def test_a_bad_address_is_refused_without_showing_it(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "mysql://joe:hunter2@db.internal/app")
    message = refusal()
    assert name in message
    assert "hunter2" not in message


def test_settings_can_be_printed_without_showing_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URI", SECRET_URI)
    monkeypatch.setenv("REDIS_URI", "redis://:hunter2@cache.internal")
    settings = load_settings()
    assert "hunter2" not in f"{settings} {settings!r} {settings.model_dump_json()}"


def test_every_setting_says_what_it_is_for() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_the_settings_page_is_up_to_date() -> None:
    page = Path(__file__).parents[2] / "docs" / "settings.md"
    assert page.read_text(encoding="utf-8") == settings_page(), (
        "run: python -m joinstream.settings.page > docs/settings.md"
    )


def test_the_settings_page_names_every_variable() -> None:
    page = settings_page()
    assert [name for name in sorted(known_names()) if f"`{name}`" not in page] == []
