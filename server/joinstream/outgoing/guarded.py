"""Posts to URLs that strangers have named: only where a policy lets it, redirects included.

Answers are not read beyond their status: how much a stranger sends back is not ours to store.
"""

import asyncio
import socket
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any

import httpx

from joinstream.domain.webhook_urls import UrlPolicy, UrlRefused

MOST_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 307, 308})


class RefusedByPolicy(httpx.RequestError):
    """The URL, or what its host resolves to, is not to be called."""


class TooManyRedirects(httpx.RequestError):
    """The receiver sends us from one place to the next."""


class _GuardedTransport(httpx.AsyncHTTPTransport):
    """Resolves names itself and connects to the very address that was judged.

    A name that resolves to something else a moment later gains nothing by it.
    """

    def __init__(self, policy: UrlPolicy) -> None:
        super().__init__(trust_env=False)
        self._policy = policy

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        host = request.url.host
        try:
            self._policy.check(str(request.url))
            address = await self._judged_address(host, request.url.port)
        except UrlRefused as error:
            raise RefusedByPolicy(str(error), request=request) from None
        request.url = request.url.copy_with(host=address)
        request.extensions = {**request.extensions, "sni_hostname": host}
        return await super().handle_async_request(request)

    async def _judged_address(self, host: str, port: int | None) -> str:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise httpx.ConnectError(f"{host} cannot be resolved: {error.strerror}") from None
        addresses = [str(entry[4][0]).partition("%")[0] for entry in found]
        for address in addresses:
            self._policy.check_address(ip_address(address))
        return addresses[0]


def is_as_private(target: httpx.URL, named: httpx.URL) -> bool:
    """Whether what is for the host that was named may be sent to this one."""
    return target.host == named.host and target.scheme in (named.scheme, "https")


class GuardedPoster:
    """Posts where `policy` lets it. `close` it when done.

    `private_headers` go to the host that was named, and to no other it redirects to; nor to it over
    plain HTTP, when it was named with https.
    """

    def __init__(
        self, policy: UrlPolicy, timeout: httpx.Timeout, private_headers: Mapping[str, str]
    ) -> None:
        self._private_headers = private_headers
        self._client = httpx.AsyncClient(transport=_GuardedTransport(policy), timeout=timeout)

    async def close(self) -> None:
        await self._client.aclose()

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """The status of the last answer. A redirect is followed with the same method and body.

        Raises RefusedByPolicy, TooManyRedirects, and what httpx raises when nobody answers.
        """
        named = target = httpx.URL(url)
        for _ in range(MOST_REDIRECTS + 1):
            private = self._private_headers if is_as_private(target, named) else {}
            status, location = await self._ask(target, body, {**headers, **private})
            if status not in _REDIRECTS or location is None:
                return status
            target = target.join(location)
        raise TooManyRedirects(f"more than {MOST_REDIRECTS} redirects")

    async def _ask(
        self, target: httpx.URL, body: bytes, headers: dict[str, Any]
    ) -> tuple[int, str | None]:
        async with self._client.stream("POST", target, content=body, headers=headers) as answer:
            return answer.status_code, answer.headers.get("location")
