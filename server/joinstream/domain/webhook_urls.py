"""Which addresses a webhook may be sent to. A server that calls any URL reads its own network.

An address is judged twice: as it is written, when a run is created, and as it resolves, whenever it
is called, redirects included.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Literal
from urllib.parse import SplitResult, urlsplit

Address = IPv4Address | IPv6Address
AddressKind = Literal["public", "private", "loopback", "forbidden"]

_CLOUD_METADATA = frozenset(
    {ip_address("169.254.169.254"), ip_address("100.100.100.200"), ip_address("fd00:ec2::254")}
)
_SHARED_BY_CARRIERS = ip_network("100.64.0.0/10")
_NAT64 = IPv6Network("64:ff9b::/96")
_INSIDE_A_CLUSTER = (".svc", ".cluster.local")
_FORBIDDEN_NAMES = frozenset({"metadata", "metadata.google.internal", "instance-data"})
_LOCAL_NAMES = (".localhost", ".localdomain")
_DEFAULT_PORTS = {"http": 80, "https": 443}


class UrlRefused(ValueError):
    """A webhook may not be sent there; the text says why, and what would be right."""


@dataclass(frozen=True, slots=True)
class UrlPolicy:
    """The official server's `webhooks.url` options.

    `allowed_domains` may begin with `*.`, which stands for every name below; empty lists allow all.
    """

    require_https: bool = False
    allowed_domains: Sequence[str] = ()
    allowed_ports: Sequence[int] = ()
    max_url_length: int = 4096
    disable_loopback: bool = True
    disable_private_ips: bool = False

    def check(self, url: str) -> None:
        """Judge a URL as it is written. Raises UrlRefused."""
        if len(url) > self.max_url_length:
            raise UrlRefused(f"is longer than {self.max_url_length} characters")
        parts = _parts(url)
        if parts.scheme not in ("http", "https"):
            raise UrlRefused("must be an absolute URL that begins with https:// or http://")
        if self.require_https and parts.scheme != "https":
            raise UrlRefused("must begin with https:// (webhooks.url.require_https)")
        host = (parts.hostname or "").rstrip(".").lower()
        if not host:
            raise UrlRefused("names no host")
        self._check_host(host)
        self._check_port(parts)

    def _check_host(self, host: str) -> None:
        if self.allowed_domains and not any(_fits(host, each) for each in self.allowed_domains):
            raise UrlRefused(f"{host} is not one of webhooks.url.allowed_domains")
        if host in _FORBIDDEN_NAMES or host.endswith(_INSIDE_A_CLUSTER):
            raise UrlRefused(f"{host} is a name of the infrastructure, which is never called")
        if host == "localhost" or host.endswith(_LOCAL_NAMES):
            self._check_kind("loopback", host)
        if (address := _as_address(host)) is not None:
            self.check_address(address)

    def _check_port(self, parts: SplitResult) -> None:
        port = parts.port or _DEFAULT_PORTS[parts.scheme]
        if self.allowed_ports and port not in self.allowed_ports:
            raise UrlRefused(f"port {port} is not one of webhooks.url.allowed_ports")

    def check_address(self, address: Address) -> None:
        """Judge an address to which a host's name resolved. Raises UrlRefused."""
        self._check_kind(kind_of(address), str(address))

    def _check_kind(self, kind: AddressKind, host: str) -> None:
        if kind == "forbidden":
            raise UrlRefused(f"{host} is an address of the infrastructure, which is never called")
        if kind == "loopback" and self.disable_loopback:
            raise UrlRefused(
                f"{host} is this machine itself; webhooks.url.disable_loopback: false in "
                "langgraph.json allows that"
            )
        if kind == "private" and self.disable_private_ips:
            raise UrlRefused(f"{host} is a private address (webhooks.url.disable_private_ips)")


def kind_of(address: Address) -> AddressKind:
    """What lies behind an address; one that wraps an IPv4 address is judged by that."""
    address = _unwrapped(address)
    if address in _CLOUD_METADATA or address.is_link_local or address.is_multicast:
        return "forbidden"
    if address.is_loopback or address.is_unspecified:
        return "loopback"
    if isinstance(address, IPv4Address) and address in _SHARED_BY_CARRIERS:
        return "private"
    if address.is_private:
        return "private"
    return "forbidden" if address.is_reserved else "public"


def _unwrapped(address: Address) -> Address:
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(address.packed[-4:])
    return address.ipv4_mapped or address.sixtofour or address


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  # reading it checks it
    except ValueError as error:
        raise UrlRefused(f"is no URL: {error}") from None
    return parts


def _as_address(host: str) -> Address | None:
    try:
        return ip_address(host.partition("%")[0])
    except ValueError:
        return None


def _fits(host: str, pattern: str) -> bool:
    pattern = pattern.lower()
    return host.endswith(pattern[1:]) if pattern.startswith("*.") else host == pattern
