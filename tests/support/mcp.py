"""The official client of the Model Context Protocol, pointed at a running server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client


@asynccontextmanager
async def mcp_client(
    server: httpx.AsyncClient, headers: dict[str, str] | None = None, mode: str = "auto"
) -> AsyncIterator[Client]:
    """A client of the server that the other one goes to; `mode` is how it finds a version."""
    url = f"{str(server.base_url).rstrip('/')}/mcp"
    async with httpx2.AsyncClient(headers=headers, timeout=30) as http:
        transport = streamable_http_client(url, http_client=http)
        async with Client(transport, mode=mode) as client:
            yield client


def text_of(result: Any) -> str:
    [content] = result.content
    assert content.type == "text"
    return str(content.text)


def rpc(method: str, params: Any = None, id: Any = 1) -> dict[str, Any]:
    """A request, or a notification when `id` is None."""
    message = {"jsonrpc": "2.0", "id": id, "method": method, "params": params or {}}
    return {key: value for key, value in message.items() if value is not None}


def call(name: str, arguments: Any, **meta: Any) -> dict[str, Any]:
    return rpc("tools/call", {"name": name, "arguments": arguments, "_meta": meta})
