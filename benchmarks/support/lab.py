"""The servers of one session, each started when a benchmark first wants it."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from benchmarks.support.measurement import Mode
from benchmarks.support.servers import (
    Server,
    data_folder,
    dev_server,
    running_backing,
    serve_server,
)


class Lab:
    """What a benchmark gets: the modes asked for, and a server for each. See `open_lab`."""

    def __init__(self, modes: Sequence[Mode], closing: ExitStack) -> None:
        self.modes = tuple(modes)
        self._closing = closing
        self._servers: dict[Mode, Server] = {}

    def server(self, mode: Mode) -> Server:
        """The session's server of this mode, idle."""
        if mode not in self._servers:
            start = {"dev": _dev, "redis": _redis}[mode]
            self._servers[mode] = self._closing.enter_context(start())
        return self._servers[mode]


@contextmanager
def open_lab(modes: Sequence[Mode]) -> Iterator[Lab]:
    """The servers it starts run until the end of the body."""
    with ExitStack() as closing:
        yield Lab(modes, closing)


@contextmanager
def _dev() -> Iterator[Server]:
    with data_folder() as folder, dev_server(folder) as server:
        yield server


@contextmanager
def _redis() -> Iterator[Server]:
    with (
        data_folder() as folder,
        running_backing(folder) as backing,
        serve_server(backing) as server,
    ):
        yield server
