"""The SDK's clients are the official ones, with defaults that fit this server."""

import langgraph_sdk.client
import pytest

from joinstream_sdk import get_client, get_sync_client
from tests.support.server import Deployment


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("JOINSTREAM_URL", "LANGGRAPH_API_KEY", "LANGSMITH_API_KEY", "LANGCHAIN_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def test_without_an_address_they_go_to_the_development_server() -> None:
    with get_sync_client() as client:
        assert str(client.http.client.base_url) == "http://127.0.0.1:2024"
        assert type(client) is langgraph_sdk.client.SyncLangGraphClient
    asynchronous = get_client()
    assert str(asynchronous.http.client.base_url) == "http://127.0.0.1:2024"
    assert type(asynchronous) is langgraph_sdk.client.LangGraphClient


def test_the_environment_may_name_the_server_and_an_argument_wins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("JOINSTREAM_URL", "http://agents.example:8000")
    assert str(get_client().http.client.base_url) == "http://agents.example:8000"
    assert str(get_client("http://other").http.client.base_url) == "http://other"


def test_a_key_comes_from_the_argument_or_from_where_the_official_client_looks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LANGGRAPH_API_KEY", "from the environment")
    assert get_client().http.client.headers["x-api-key"] == "from the environment"
    assert get_client(api_key="given").http.client.headers["x-api-key"] == "given"
    assert get_client(headers={"x-team": "blue"}).http.client.headers["x-team"] == "blue"


def test_silence_counts_as_a_dead_connection_sooner_than_officially() -> None:
    assert get_client().http.client.timeout.read == 60
    assert get_client(timeout=7).http.client.timeout.read == 7


async def test_they_speak_to_the_server(embedded: Deployment) -> None:
    async with get_client(str(embedded.http.base_url)) as client:
        result = await client.runs.wait(None, "echo", input={"text": "hello"})
        assert result == {"text": "hello"}
