"""The listening socket of the API, taken before anything slow happens."""

import errno
import socket

from joinstream.errors import StartupError
from joinstream.settings import Settings


def listen(host: str, port: int) -> socket.socket:
    """A bound socket; port 0 takes a free one. Raises StartupError in one line when impossible."""
    family, address = _resolve(host, port)
    # named, because asyncio switches off delayed sending (Nagle) only for sockets known to be TCP
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        # Also tells two sockets apart that were bound at the same moment.
        listener.listen()
    except OSError as error:
        listener.close()
        raise StartupError(_refusal(error, host, port)) from error
    return listener


def url_of(listener: socket.socket) -> str:
    """Where a browser on this machine finds the API."""
    host, port = listener.getsockname()[:2]
    if host in ("0.0.0.0", "::"):
        host = "localhost"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def address_of(listener: socket.socket, settings: Settings) -> str:
    """Where a client on this machine finds the API, mount prefix and all."""
    return f"{url_of(listener)}{settings.mount_prefix}"


def _resolve(host: str, port: int) -> tuple[socket.AddressFamily, tuple[object, ...]]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise StartupError(
            f"{host!r} is no address of this machine: use --host 127.0.0.1 or --host 0.0.0.0."
        ) from error
    family, _, _, _, address = found[0]
    return family, address


def _refusal(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} is in use: stop what uses it, or choose another with --port."
    if error.errno == errno.EACCES:
        return f"Port {port} is reserved for root: choose one above 1023 with --port."
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{host} is no address of this machine: use --host 127.0.0.1 or --host 0.0.0.0."
    return f"Port {port} on {host} cannot be used: {error.strerror}. Choose another with --port."
