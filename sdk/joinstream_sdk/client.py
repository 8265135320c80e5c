"""The official clients, with defaults that fit this server."""

import os
from collections.abc import Mapping
from typing import Any

import httpx
import langgraph_sdk
from langgraph_sdk.client import LangGraphClient, SyncLangGraphClient

DEFAULT_URL = "http://127.0.0.1:2024"
"""Where `joinstream dev` listens."""
DEFAULT_TIMEOUT = httpx.Timeout(connect=5, read=60, write=300, pool=5)
"""Seconds. The server sends a byte every five seconds on whatever takes long, so that a minute
without one means that the connection is dead."""

Timeout = float | tuple[float | None, float | None, float | None, float | None] | httpx.Timeout
"""Seconds for everything, or (connect, read, write, pool)."""


def get_client(
    url: str | None = None,
    *,
    api_key: str | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: Timeout | None = None,
) -> LangGraphClient:
    """The official asynchronous client.

    Without `url` it goes where the environment variable JOINSTREAM_URL says, else to a
    `joinstream dev` on this machine. Without `api_key` it looks for one where the official client
    does: LANGGRAPH_API_KEY, LANGSMITH_API_KEY, LANGCHAIN_API_KEY.
    """
    return langgraph_sdk.get_client(**_arguments(url, api_key, headers, timeout))


def get_sync_client(
    url: str | None = None,
    *,
    api_key: str | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: Timeout | None = None,
) -> SyncLangGraphClient:
    """The official synchronous client; see `get_client`."""
    return langgraph_sdk.get_sync_client(**_arguments(url, api_key, headers, timeout))


def _arguments(
    url: str | None,
    api_key: str | None,
    headers: Mapping[str, str] | None,
    timeout: Timeout | None,
) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "url": url or os.environ.get("JOINSTREAM_URL") or DEFAULT_URL,
        "headers": headers,
        "timeout": DEFAULT_TIMEOUT if timeout is None else timeout,
    }
    return arguments if api_key is None else arguments | {"api_key": api_key}
