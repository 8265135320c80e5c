"""A socket pair between a parent and its child; see the package's page for what it is for."""

import asyncio
import socket
from collections.abc import Callable

_READY = b"r"


class LinkToChild:
    """The parent's side."""

    def __init__(self) -> None:
        self._socket, self._childs = socket.socketpair()
        self._socket.setblocking(False)
        self.ready = asyncio.Event()

    @property
    def inherited(self) -> int:
        """The descriptor to pass to the child."""
        return self._childs.fileno()

    def child_started(self) -> None:
        """Give the child's side away, so that its end is seen here."""
        self._childs.close()
        asyncio.get_running_loop().add_reader(self._socket, self._read)

    def close(self) -> None:
        """Call it when the child has ended. What it said last still counts."""
        self._read()
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()
        self._childs.close()

    def _read(self) -> None:
        try:
            received = self._socket.recv(16)
        except (ConnectionError, BlockingIOError):
            received = b""
        if received:
            self.ready.set()
        else:
            asyncio.get_running_loop().remove_reader(self._socket)


class LinkToParent:
    """The child's side, made from the descriptor it inherited."""

    def __init__(self, descriptor: int) -> None:
        """`descriptor` is the one that the parent has passed."""
        self._socket = socket.socket(fileno=descriptor)
        self._socket.setblocking(False)
        # What this process starts itself must not keep the link open after our end.
        self._socket.set_inheritable(False)

    def say_ready(self) -> None:
        self._socket.send(_READY)

    def when_parent_ends(self, act: Callable[[], None]) -> None:
        """Call `act` in the running loop when the parent is gone, however it went."""
        loop = asyncio.get_running_loop()

        def read() -> None:
            loop.remove_reader(self._socket)
            act()

        loop.add_reader(self._socket, read)
