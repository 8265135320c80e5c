"""What tells a process to stop."""

import asyncio
import signal

FROM_OUTSIDE = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C, a service manager, a terminal that closes."""


class StopSignals:
    """The first request to stop sets `requested`, the second `urgent`: stop now, clean up nothing.

    Made and used in one event loop, on the main thread.
    """

    def __init__(self) -> None:
        self.requested = asyncio.Event()
        self.urgent = asyncio.Event()

    def listen(self, *numbers: signal.Signals) -> None:
        """From now on these signals count as requests; one that `nohup` had ignored stays so."""
        loop = asyncio.get_running_loop()
        for number in numbers:
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                loop.add_signal_handler(number, self.request)

    def request(self) -> None:
        if self.requested.is_set():
            self.urgent.set()
        self.requested.set()
