"""The one line that says where to go."""

import socket

from joinstream import __version__
from joinstream.processes.listening import url_of
from joinstream.project import Project
from joinstream.settings import Settings


def say_ready(listener: socket.socket, settings: Settings, project: Project, storage: str) -> None:
    """Print the address and what is behind it to stdout, where scripts can wait for it."""
    from_where = f"{url_of(listener)}{settings.mount_prefix}"
    count = len(project.graph_ids)
    graphs = "1 graph" if count == 1 else f"{count} graphs"
    print(f"joinstream {__version__} ready on {from_where} ({graphs}, {storage})", flush=True)
