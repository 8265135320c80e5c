"""A run this worker executes, and the one way to stop it."""

import asyncio

import structlog

from joinstream.domain.run_record import Run
from joinstream.errors import JoinstreamError, RunTimedOut

log = structlog.get_logger(__name__)


class ActiveRun:
    """Holds the executing task and why it was asked to stop; the first reason counts.

    For the worker's event loop only.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.stop_reason: JoinstreamError | None = None
        self._stopping = asyncio.Event()
        self._execution: asyncio.Task[None] | None = None

    def executes_in(self, task: asyncio.Task[None]) -> None:
        self._execution = task
        if self.stop_reason is not None:
            task.cancel()

    def stop(self, reason: JoinstreamError) -> None:
        """Ask the run to stop: its task is cancelled at its next await."""
        if self.stop_reason is None:
            self.stop_reason = reason
            self._stopping.set()
            if self._execution is not None:
                self._execution.cancel()

    async def wait_until_over(
        self, execution: asyncio.Task[None], *, timeout: float, grace: float
    ) -> None:
        """Wait for the execution to end; stop it after `timeout` s.

        A stopped graph that does not end within `grace` s is left behind: its writes are fenced.
        """
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait(
                {execution, stopping}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            stopping.cancel()
        if execution.done():
            return
        self.stop(RunTimedOut(f"the run was executing for more than {timeout:g} s"))
        await asyncio.wait({execution}, timeout=grace)
        if not execution.done():
            log.warning("graph ignores its cancellation; left behind", grace_seconds=grace)
            execution.add_done_callback(lambda task: task.cancelled() or task.exception())
