"""Where graphs find the server that runs them: `get_client()` of the official SDK, without a URL.

On the official server such a client asks the application in its own process. Here graphs run in
other event loops and processes than the API, so it goes over HTTP, and comes as any client does.
"""

import os
from contextvars import ContextVar

import httpx
from langgraph_sdk import get_client

_DEFERRED = "__LANGGRAPH_DEFER_LOOPBACK_TRANSPORT"
"""By this variable the SDK leaves it to the server which application its clients ask."""

_own_address: ContextVar[str | None] = ContextVar("own_address", default=None)


def clients_go_home() -> None:
    """Let clients that are made without a URL find this server, also those made at an import."""
    os.environ[_DEFERRED] = "true"
    # the name by which `get_client` finds its transport, in whichever module it stands
    get_client.__globals__["get_asgi_transport"] = lambda: HomeTransport


def home_is(address: str | None) -> None:
    """Say where the server is, to whatever is begun from here. None: where JOINSTREAM_URL says."""
    _own_address.set(address)


class HomeTransport(httpx.AsyncHTTPTransport):
    """Sends what is asked of the SDK's `http://api` to the server. Made as the SDK makes it."""

    def __init__(self, app: object = None, root_path: str = "") -> None:
        super().__init__(retries=5)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        home = _own_address.get() or os.environ.get("JOINSTREAM_URL")
        if not home:
            raise RuntimeError(
                "get_client() without a URL does not know where the server is: "
                "set JOINSTREAM_URL for this worker, or give get_client() a URL"
            )
        url = httpx.URL(home.rstrip("/") + request.url.raw_path.decode("ascii"))
        moved = httpx.Request(
            request.method,
            url,
            headers={**request.headers, "host": url.netloc.decode("ascii")},
            stream=request.stream,
            extensions=request.extensions,
        )
        return await super().handle_async_request(moved)
