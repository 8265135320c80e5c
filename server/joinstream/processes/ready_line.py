"""What is said once the server is ready: where to go, and who may."""

import socket
from ipaddress import ip_address

import structlog

from joinstream import __version__
from joinstream.processes.listening import address_of
from joinstream.project import Project
from joinstream.settings import Settings

log = structlog.get_logger(__name__)


def say_ready(listener: socket.socket, settings: Settings, project: Project, storage: str) -> None:
    """Print the address and what is behind it to stdout, where scripts can wait for it."""
    count = len(project.graph_ids)
    graphs = "1 graph" if count == 1 else f"{count} graphs"
    address = address_of(listener, settings)
    print(f"joinstream {__version__} ready on {address} ({graphs}, {storage})", flush=True)
    if not _is_of_this_machine(listener) and not _knows_callers(settings, project):
        log.warning(
            "whoever reaches this address may use the API: set JOINSTREAM_API_KEYS or auth.path of "
            "langgraph.json, unless something before it keeps others out"
        )


def _is_of_this_machine(listener: socket.socket) -> bool:
    host, *_ = listener.getsockname()
    return ip_address(host).is_loopback


def _knows_callers(settings: Settings, project: Project) -> bool:
    return settings.api_keys is not None or bool((project.config.auth or {}).get("path"))
