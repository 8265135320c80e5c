"""One child process of ours."""

import asyncio
import contextlib
import json
import sys
from collections.abc import Mapping
from typing import Any

from joinstream.processes.link import LinkToChild
from joinstream.processes.loops import result_unless, within
from joinstream.processes.stop_signals import StopSignals

KILL_AFTER_SECONDS = 15.0
"""What a child gets on top of its own grace period before it is killed."""
URGENT_SECONDS = 5.0

# Ctrl-C in the terminal reaches children too, also while they import; it is for the parent.
_LAUNCH = """
import signal
signal.signal(signal.SIGINT, signal.SIG_IGN)
from {module} import main
main()
"""


class Child:
    """A process that runs one of our modules. Make it with `start_child`."""

    def __init__(self, process: asyncio.subprocess.Process, link: LinkToChild) -> None:
        self._process = process
        self._link = link
        self.ending = asyncio.create_task(self._wait(), name=f"child {process.pid}")
        """Done when the child has ended; the result is its exit code, negative for a signal."""

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def was_ready(self) -> bool:
        """Whether it has said that it was."""
        return self._link.ready.is_set()

    async def stop(self, grace_seconds: float, signals: StopSignals) -> None:
        """Ask it to end, insist when `signals` become urgent, kill it in the end."""
        self._terminate()
        await within(
            grace_seconds + KILL_AFTER_SECONDS,
            result_unless(self.ending, signals.urgent.wait()),
        )
        if not self.ending.done() and signals.urgent.is_set():
            self._terminate()
            await asyncio.wait((self.ending,), timeout=URGENT_SECONDS)
        if not self.ending.done():
            self._process.kill()
            await self.ending

    async def _wait(self) -> int:
        code = await self._process.wait()
        self._link.close()
        return code

    def _terminate(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()


async def start_child(
    module: str,
    options: Mapping[str, Any],
    *,
    descriptors: tuple[int, ...] = (),
    own_session: bool = True,
) -> Child:
    """Run `main` of a module with two arguments: the link's descriptor, and the options as JSON.

    It inherits `descriptors`. Without a session of its own it can talk to the terminal.
    """
    link = LinkToChild()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        _LAUNCH.format(module=module),
        str(link.inherited),
        json.dumps(options),
        pass_fds=(link.inherited, *descriptors),
        start_new_session=own_session,
    )
    link.child_started()
    return Child(process, link)
