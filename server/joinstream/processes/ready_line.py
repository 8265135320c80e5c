"""The one line that says where to go."""

import socket

from joinstream import __version__
from joinstream.processes.listening import address_of
from joinstream.project import Project
from joinstream.settings import Settings


def say_ready(listener: socket.socket, settings: Settings, project: Project, storage: str) -> None:
    """Print the address and what is behind it to stdout, where scripts can wait for it."""
    count = len(project.graph_ids)
    graphs = "1 graph" if count == 1 else f"{count} graphs"
    address = address_of(listener, settings)
    print(f"joinstream {__version__} ready on {address} ({graphs}, {storage})", flush=True)
