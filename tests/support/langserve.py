"""LangServe's own client, pointed at a running server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from langserve import RemoteRunnable
from langserve.lzstring import LZString

Remote = RemoteRunnable[Any, Any]


def langserve_url(server: httpx.AsyncClient, graph: str) -> str:
    return f"{str(server.base_url).rstrip('/')}/langserve/{graph}"


@asynccontextmanager
async def remote(
    server: httpx.AsyncClient, graph: str, headers: dict[str, str] | None = None
) -> AsyncIterator[Remote]:
    """The graph of the server that the other client goes to."""
    runnable: Remote = RemoteRunnable(langserve_url(server, graph), headers=headers)
    try:
        yield runnable
    finally:
        # its own way is a thread with a loop, whenever it is collected
        await runnable.async_client.aclose()


def packed(text: str) -> str:
    """As LangServe's playground packs configs for links."""
    return str(LZString.compressToEncodedURIComponent(text))  # type: ignore[no-untyped-call]


async def all_of(chunks: AsyncIterator[Any]) -> list[Any]:
    return [chunk async for chunk in chunks]
